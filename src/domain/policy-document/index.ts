export { compareDocuments } from "./compare.ts";
export { deniesEverything, documentEffect, onlyDenials, togetherOf } from "./effect.ts";
export { covers } from "./glob.ts";
export { normalise, readDocument, type PolicyDocument, type Statement } from "./normalise.ts";
