package web

// EventsOfForms are those that forms can give other names: of runs, and of steps.
func EventsOfForms() (run, step []string) { return runEvents, stepEvents }

// FlowLabel is what a field of a flow is called.
func FlowLabel(path string) string { return nounForm[flowForm]{One: "flow"}.Label(path) }

// LabelsOf are those of the fields of a noun.
var LabelsOf = labelsOf

// CountModels says how many models there are.
var CountModels = countModels

// MaxFormSteps is how many steps a form can have.
const MaxFormSteps = maxFormSteps
