// html.js: templates for Preact. What stands in a template's holes is text or a component, never markup.
import htm from 'htm';
import { h } from 'preact';

export const html = htm.bind(h);

let last = 0;
/** A name for an element that others point at, not used before. */
export const newId = (word) => `${word}-${(last += 1)}`;
