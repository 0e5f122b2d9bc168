"use strict";
// The search: words must all occur; "a phrase"; NOT word or -word excludes; OR or | between alternatives; ( ) groups.
// Operators are in capitals, so that file names may hold the words "or" and "not".

const OPERATORS = { AND: "and", OR: "or", "|": "or", NOT: "not", "(": "(", ")": ")" };

function queryTokens(text) {
  const found = text.matchAll(/"([^"]*)"?|([()|])|(-)(?=[^\s-])|([^\s()"|]+)/g);
  return [...found].map(([, phrase, sign, minus, word]) => {
    if (phrase !== undefined) return { word: phrase.toLowerCase() };
    if (minus) return { operator: "not" };
    const operator = OPERATORS[sign ?? word];
    return operator ? { operator } : { word: word.toLowerCase() };
  }).filter(({ word }) => word !== "");
}

// A function that tells whether a text in lower case matches; null for an empty query. Half an expression, as it stands
// while somebody types, counts for what is there.
function parseQuery(text) {
  const tokens = queryTokens(text);
  let at = 0;
  const isNext = (operator) => tokens[at]?.operator === operator;
  const either = () => {
    const parts = [];
    do parts.push(every()); while (isNext("or") && ++at);
    const known = parts.filter(Boolean);
    return known.length < 2 ? known[0] ?? null : (lower) => known.some((part) => part(lower));
  };
  const every = () => {
    const parts = [];
    while (at < tokens.length && !isNext("or") && !isNext(")")) {
      if (isNext("and")) at += 1;
      else parts.push(one());
    }
    const known = parts.filter(Boolean);
    return known.length < 2 ? known[0] ?? null : (lower) => known.every((part) => part(lower));
  };
  const one = () => {
    const { operator, word } = tokens[at];
    at += 1;
    if (word !== undefined) return (lower) => lower.includes(word);
    if (operator === "not") {
      const part = at < tokens.length && !isNext("or") && !isNext(")") && !isNext("and") ? one() : null;
      return part && ((lower) => !part(lower));
    }
    const inner = either(); // operator is "("
    if (isNext(")")) at += 1;
    return inner;
  };
  const parts = [];
  while (at < tokens.length) { // a ")" too many ends nothing
    parts.push(either());
    if (isNext(")")) at += 1;
  }
  const known = parts.filter(Boolean);
  return known.length < 2 ? known[0] ?? null : (lower) => known.every((part) => part(lower));
}
