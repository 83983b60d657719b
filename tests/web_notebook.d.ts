// What Python puts before the notebook's module.

declare const WORKLET: string;
declare const STYLE: string;
