package problem

// Failure is what is kept and shown of an error: why a run, a node, an attempt or a delivery has failed.
type Failure struct {
	Code    string `json:"code"`    // stable and snake_case
	Message string `json:"message"` // for a person: what happened and what to do
}

// CodeOf is the code of an error; empty for nil.
func CodeOf(err error) string {
	if err == nil {
		return ""
	}
	return Of(err).Code
}

// FailureOf returns what is kept and shown of an error.
func FailureOf(err error) *Failure {
	p := Of(err)
	return &Failure{p.Code, p.Detail}
}
