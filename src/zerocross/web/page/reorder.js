// @ts-check
/**
 * Rows of a list that are put elsewhere: dragged by the mouse, or by their grips, also by a finger; or, without
 * dragging, by a press on a row's grip and one on another's.
 */

/** So far a pointer moves before it drags, in pixels; from the list's edges on it scrolls. */
const LEAST_PX = 6, EDGE_PX = 32;

export class Reorder {
  /**
   * @param {HTMLElement} list whose children are rows, each with an element of class grip
   * @param {(from: number, to: number) => void} moved called with numbers of rows
   */
  constructor(list, moved) {
    this._list = list;
    this._moved = moved;
    /** @type {{row: Element, id: number, x: number, y: number, isDragged: boolean} | null} */
    this._held = null;
    /** @type {Element | null} taken by a press */
    this._taken = null;
    this._isOver = false; // a drag, whose click is none
    list.addEventListener("pointerdown", (event) => this._down(event));
    list.addEventListener("pointermove", (event) => this._move(event));
    list.addEventListener("pointerup", (event) => this._up(event));
    list.addEventListener("pointercancel", () => this._leave());
    list.addEventListener("click", (event) => this._click(event), true);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this._leave();
    });
  }

  /** @param {Element} row @returns {number} */
  _number(row) {
    return Array.from(this._list.children).indexOf(row);
  }

  /** @param {PointerEvent} event */
  _down(event) {
    this._isOver = false;
    const on = /** @type {Element} */ (event.target), row = on.closest("li");
    const isGrip = on.closest(".grip") !== null;
    if (!row || event.button !== 0 || on.closest(".remove") || (event.pointerType !== "mouse" && !isGrip)) return;
    this._held = { row, id: event.pointerId, x: event.clientX, y: event.clientY, isDragged: false };
  }

  /** @param {PointerEvent} event */
  _move(event) {
    const held = this._held;
    if (!held || event.pointerId !== held.id) return;
    if (!held.isDragged) {
      if (Math.hypot(event.clientX - held.x, event.clientY - held.y) < LEAST_PX) return;
      if (!(event.buttons & 1)) {
        this._leave();
        return;
      }
      held.isDragged = true;
      this._put(null);
      this._list.setPointerCapture(event.pointerId);
      held.row.classList.add("dragged");
    }
    const { top, bottom } = this._list.getBoundingClientRect();
    if (event.clientY < top + EDGE_PX) this._list.scrollTop -= 8;
    if (event.clientY > bottom - EDGE_PX) this._list.scrollTop += 8;
    this._mark(this._place(event.clientY));
  }

  /** @param {number} y @returns {number} the row before which it would be put, as they stand now */
  _place(y) {
    const rows = Array.from(this._list.children);
    const at = rows.findIndex((row) => {
      const { top, height } = row.getBoundingClientRect();
      return y < top + height / 2;
    });
    return at < 0 ? rows.length : at;
  }

  /** Show where it would be put. @param {number} place -1 for nowhere */
  _mark(place) {
    Array.from(this._list.children).forEach((row, k, rows) => {
      row.classList.toggle("before", k === place);
      row.classList.toggle("behind", k === rows.length - 1 && place === rows.length);
    });
  }

  /** @param {PointerEvent} event */
  _up(event) {
    const held = this._held;
    if (!held || event.pointerId !== held.id) return;
    if (!held.isDragged) {
      this._held = null;
      return;
    }
    const from = this._number(held.row), place = this._place(event.clientY);
    this._leave();
    this._isOver = true;
    const to = place > from ? place - 1 : place;
    if (from >= 0 && to !== from) this._moved(from, to);
  }

  /** @param {MouseEvent} event */
  _click(event) {
    const grip = /** @type {Element} */ (event.target).closest(".grip"), row = grip?.closest("li");
    if (this._isOver) {
      this._isOver = false;
      event.preventDefault();
      event.stopPropagation();
    } else if (row) {
      const taken = this._taken && this._taken.isConnected ? this._taken : null;
      this._put(taken ? null : row);
      if (taken && taken !== row) this._moved(this._number(taken), this._number(row));
    }
  }

  /** Take a row, to be put where the next grip is pressed. @param {Element | null} row */
  _put(row) {
    this._taken?.querySelector(".grip")?.setAttribute("aria-pressed", "false");
    row?.querySelector(".grip")?.setAttribute("aria-pressed", "true");
    this._taken = row;
  }

  /** Let go of what is dragged or taken. */
  _leave() {
    if (this._held?.isDragged && this._list.hasPointerCapture(this._held.id)) this._list.releasePointerCapture(this._held.id);
    this._held?.row.classList.remove("dragged");
    this._held = null;
    this._put(null);
    this._mark(-1);
  }
}
