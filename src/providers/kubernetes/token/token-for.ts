const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * The SecretRotations that the annotation `keyturn.dev/token-for` names: DNS labels with commas between and blanks around them (ADR 0042).
 * Undefined where any of it is something else: half of a list is no list.
 */
export const namesInTokenFor = (value: string): readonly string[] | undefined => {
  const names = value.split(",").map((name) => name.trim());
  return names.every((name) => LABEL.test(name)) ? names : undefined;
};
