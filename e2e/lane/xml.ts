/** An answer of IAM: texts, lists (whose children are all `member`) and members by name. */
export type Xml = string | readonly Xml[] | { readonly [name: string]: Xml };

/** Reads elements without attributes that matter, as IAM answers them; the outermost element's content. */
export function parseXml(text: string): Xml {
  const tokens = text.matchAll(/<(\/?)([A-Za-z][\w:.-]*)[^>]*?(\/?)>|([^<]+)/g);
  const top: Element = { name: "", children: [], text: "" };
  const open: Element[] = [top];
  for (const [, closes, name, empty, chars] of tokens) {
    const here = open.at(-1) ?? top;
    if (name === undefined) here.text += chars ?? "";
    else if (closes === "/") open.pop();
    else {
      const element: Element = { name, children: [], text: "" };
      here.children.push(element);
      if (empty !== "/") open.push(element);
    }
  }
  const outermost = top.children.at(-1);
  return outermost === undefined ? "" : valueOf(outermost);
}

/** The member of that path, or undefined. */
export function at(xml: Xml | undefined, ...path: string[]): Xml | undefined {
  return path.reduce<Xml | undefined>(
    (value, name) =>
      value === undefined || typeof value === "string" || Array.isArray(value)
        ? undefined
        : (value as Readonly<Record<string, Xml>>)[name],
    xml,
  );
}

/** The entries of a list; none where there is no list. */
export function entries(xml: Xml | undefined): readonly Xml[] {
  return Array.isArray(xml) ? (xml as readonly Xml[]) : [];
}

/** The text of that path, or "". */
export function textAt(xml: Xml | undefined, ...path: string[]): string {
  const value = at(xml, ...path);
  return typeof value === "string" ? value : "";
}

interface Element {
  readonly name: string;
  readonly children: Element[];
  text: string;
}

function valueOf({ children, text }: Element): Xml {
  if (children.length === 0) return unescaped(text);
  if (children.every(({ name }) => name === "member")) return children.map(valueOf);
  return Object.fromEntries(children.map((child) => [child.name, valueOf(child)]));
}

function unescaped(text: string): string {
  const plain: Readonly<Record<string, string>> = {
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
    "#39": "'",
    "#34": '"',
    amp: "&",
  };
  return text.replace(/&(lt|gt|quot|apos|amp|#39|#34);/g, (_, entity: string) => plain[entity] ?? "");
}
