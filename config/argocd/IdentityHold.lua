-- Health of an IdentityHold for Argo CD: obj in, hs out. Conditions decide, in the order of what a person would want to know first.
local hs = { status = "Progressing", message = "Waiting for the operator" }
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
if obj.status.observedGeneration == nil or obj.status.observedGeneration < obj.metadata.generation then
  hs.message = "Waiting for the operator to take up the newest spec"
  return hs
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local function is(kind, status)
  return conditions[kind] ~= nil and conditions[kind].status == status
end
local function answer(status, kind)
  hs.status = status
  hs.message = conditions[kind].message
  return hs
end

for _, kind in ipairs({ "Stalled", "Unmatched" }) do
  if is(kind, "True") then
    return answer("Degraded", kind)
  end
end
if is("Ready", "True") then
  return answer("Healthy", "Ready")
end
if conditions["Ready"] ~= nil then
  return answer("Progressing", "Ready")
end
return hs
