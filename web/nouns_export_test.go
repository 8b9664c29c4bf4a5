package web

// EventsOfForms are those that forms can give other names: of runs, and of steps.
func EventsOfForms() (run, step []string) { return runEvents, stepEvents }

// MaxFormSteps is how many steps a form can have.
const MaxFormSteps = maxFormSteps
