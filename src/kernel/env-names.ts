/** The same fields under names for environment variables: `accessKeyId` becomes ACCESS_KEY_ID. */
export const envNames = (fields: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.keys(fields).map((field) => [field, field.replace(/([A-Z])/g, "_$1").toUpperCase()]));
