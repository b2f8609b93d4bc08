-- Health of a ServiceAccountLifecycle for Argo CD: obj in, hs out. Conditions decide, in the order of what a person would want to know first.
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

for _, kind in ipairs({ "Stalled", "Reverted", "Conflict" }) do
  if is(kind, "True") then
    return answer("Degraded", kind)
  end
end
for _, kind in ipairs({ "Paused", "PlanOnly" }) do
  if is(kind, "True") then
    return answer("Suspended", kind)
  end
end
-- One that leaves is healthy when the refusal is proven, and one that is suspended counts as that; neither before.
if is("Offboarded", "True") then
  return answer("Healthy", "Offboarded")
end
if is("Reconciling", "True") then
  return answer("Progressing", "Reconciling")
end
if is("Offboarded", "False") then
  return answer("Degraded", "Offboarded")
end
if is("Suspended", "False") then
  return answer("Degraded", "Suspended")
end
for _, kind in ipairs({ "Suspended" }) do
  if is(kind, "True") then
    return answer("Suspended", kind)
  end
end
-- Reported drift is what was asked for; the alert tells of it.
if is("Drifted", "True") and conditions["Drifted"].reason == "Reported" then
  return answer("Healthy", "Drifted")
end
if is("Ready", "True") then
  return answer("Healthy", "Ready")
end
if is("Ready", "False") then
  return answer("Degraded", "Ready")
end
return hs
