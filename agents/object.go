package agents

import (
	"encoding/json"

	"beckon/internal/problem"
	"beckon/internal/units"
)

// Object is a JSON object that goes out as it stands: the parameters of a model, a schema.
type Object = units.Object

// checkParams finds what cannot be sent to a model.
func checkParams(o Object) (found problem.Fields) {
	for _, name := range o.Names() {
		switch _, err := json.Marshal(o[name]); {
		case name == "messages":
			found.Add("messages", "cannot be set: they are made of the prompt")
		case err != nil:
			found.Add(name, "cannot be written as JSON")
		}
	}
	return found
}
