// @ts-check
/**
 * Conditions of presets: what follows `If:`. Numbers, texts in double quotes, `true` and `false`, comparisons,
 * `+ - * /`, `and or not` (`&& ||`), brackets, and the names that are known; see eq/presets/conditions.py.
 */

import { Unapplied, first, strip } from "./values.js";

/** @typedef {number | boolean | string} Value */

const LONGEST = 300;
const NUMBER = String.raw`(?!0+[1-9]\d*(?![\w.]))((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])`;
const SIGN = String.raw`&&|\|\||[=!<>]=|[-+*/<>()]`;
const TOKEN = new RegExp(String.raw`[ \t\f]*(?:${NUMBER}|"([^"\\]*)"|([A-Za-z_]\w*)|(${SIGN}))`, "y");
const END = /[ \t\f]*(?:#.*)?$/y;
/** @type {Record<string, boolean>} */
const TRUTHS = { true: true, True: true, false: false, False: false };
/** @type {Record<string, string>} */
const SAME = { "&&": "and", "||": "or" };
const IS_KEPT = new Set(["and", "or", "not"]);
const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">="]);

/**
 * Whether a condition holds; throws `Unapplied` if it cannot be told.
 * @param {string} expression
 * @param {Record<string, Value>} names what is known
 */
export function holds(expression, names) {
  const text = strip(expression);
  if (text.length > LONGEST || /[^\x00-\x7f]/.test(text)) {
    throw new Unapplied(`a condition beyond ASCII or ${LONGEST} characters`);
  }
  const found = new Evaluation(text, names).whole();
  return typeof found === "string" ? !["", "false", "0"].includes(found) : Boolean(found);
}

/** One reading of an expression, which is evaluated on the way: both sides always are. */
class Evaluation {
  /**
   * @param {string} text
   * @param {Record<string, Value>} names
   */
  constructor(text, names) {
    this._text = text;
    this._names = names;
    /** @type {{sign: string, value?: Value, name?: string}[]} */
    this._tokens = [];
    this._at = 0;
    this._cut();
  }

  whole() {
    const found = this._either();
    if (this._at < this._tokens.length) throw this._strange();
    return found;
  }

  _cut() {
    let at = 0;
    for (;;) {
      END.lastIndex = at;
      if (END.test(this._text)) return;
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(this._text);
      if (!match) throw this._strange();
      const [, number, quoted, name, sign] = match;
      if (number !== undefined) this._tokens.push({ sign: "", value: Number(number) });
      else if (quoted !== undefined) this._tokens.push({ sign: "", value: quoted });
      else if (sign !== undefined || IS_KEPT.has(name)) this._tokens.push({ sign: SAME[sign] ?? sign ?? name });
      else if (Object.hasOwn(TRUTHS, name)) this._tokens.push({ sign: "", value: TRUTHS[name] });
      else this._tokens.push({ sign: "", name });
      at = TOKEN.lastIndex;
    }
  }

  _strange() {
    return new Unapplied(`'${first(this._text, 30)}' is not an expression that is understood`);
  }

  /** @param {...string} signs @returns {string} the next token, if it is one of them; it is passed */
  _next(...signs) {
    const sign = this._tokens[this._at]?.sign ?? "";
    if (!signs.includes(sign)) return "";
    this._at++;
    return sign;
  }

  /** @param {Value} value @returns {boolean} */
  _truth(value) {
    if (typeof value !== "boolean") throw this._strange();
    return value;
  }

  /** @param {Value} value @returns {number} */
  _number(value) {
    if (typeof value !== "number") throw this._strange();
    return value;
  }

  /** @returns {Value} */
  _either() {
    let found = this._both();
    while (this._next("or")) {
      const other = this._truth(this._both());
      found = this._truth(found) || other;
    }
    return found;
  }

  /** @returns {Value} */
  _both() {
    let found = this._denied().value;
    while (this._next("and")) {
      const other = this._truth(this._denied().value);
      found = this._truth(found) && other;
    }
    return found;
  }

  /** @returns {{value: Value, isCompared: boolean}} */
  _denied() {
    if (!this._next("not")) return this._compared();
    const { value, isCompared } = this._denied();
    if (isCompared) throw this._strange(); // theirs binds tighter than a comparison: this needs brackets
    return { value: !this._truth(value), isCompared: false };
  }

  /** @returns {{value: Value, isCompared: boolean}} */
  _compared() {
    const left = this._sum();
    const sign = this._next(...COMPARISONS);
    if (!sign) return { value: left, isCompared: false };
    const right = this._sum();
    const isOrdered = typeof left === "number" || sign === "==" || sign === "!=";
    if (typeof left !== typeof right || !isOrdered || this._next(...COMPARISONS)) throw this._strange();
    const value = {
      "==": left === right, "!=": left !== right, "<": left < right, "<=": left <= right, ">": left > right,
    }[sign] ?? left >= right;
    return { value, isCompared: true };
  }

  /** @returns {Value} */
  _sum() {
    let found = this._product();
    for (let sign; (sign = this._next("+", "-"));) {
      const other = this._number(this._product());
      found = this._number(found) + (sign === "+" ? other : -other);
    }
    return found;
  }

  /** @returns {Value} */
  _product() {
    let found = this._signed();
    for (let sign; (sign = this._next("*", "/"));) {
      const other = this._number(this._signed());
      if (sign === "/" && other === 0) throw new Unapplied(`'${first(this._text, 30)}' has no value`);
      found = sign === "*" ? this._number(found) * other : this._number(found) / other;
    }
    return found;
  }

  /** @returns {Value} */
  _signed() {
    return this._next("-") ? -this._number(this._signed()) : this._atom();
  }

  /** @returns {Value} */
  _atom() {
    if (this._next("(")) {
      const found = this._either();
      if (!this._next(")")) throw this._strange();
      return found;
    }
    const token = this._tokens[this._at++];
    if (token?.name !== undefined) {
      if (!Object.hasOwn(this._names, token.name)) throw new Unapplied(`'${first(token.name, 20)}' is not known here`);
      return this._names[token.name];
    }
    if (token?.value === undefined) throw this._strange();
    return token.value;
  }
}
