/**
 * Forms by which a secret can be told from other text, whoever wrote it: the last but one line of defence, for free text of people
 * (a purpose, a provider's address).
 */
const FORMS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
  /\b(hv[sbr]|s)\.[A-Za-z0-9_-]{20,}/g,
  /\b(gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|npm_\w{20,})/g,
  /(?<=:\/\/)[^\s/@"\\]*:[^\s/@"\\]*(?=@)/g,
  /(?<=[?&](?:access_token|token|password|secret|sig|signature|X-Amz-Signature|X-Amz-Security-Token)=)[^\s&"\\]+/gi,
];

export const withoutSecrets = (text: string): string =>
  FORMS.reduce((clean, form) => clean.replaceAll(form, "[redacted]"), text);
