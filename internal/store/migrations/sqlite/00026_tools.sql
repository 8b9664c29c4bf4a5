-- +goose Up
-- In 0.1 tools of an agent was what flowTools is now, a boolean. The documents are as Beckon writes them: without blanks, and never
-- with this key first. Those with params or an output are newer, and may have the key elsewhere: see agents.Agent.FormerKey.
UPDATE resources SET spec = replace(replace(spec, ',"tools":true', ',"flowTools":true'), ',"tools":false', ',"flowTools":false')
WHERE kind = 'agents' AND spec NOT LIKE '%"params":{%' AND spec NOT LIKE '%"output":{%';
