package problem

// Finding says what is wrong with one resource of a configuration, by its section ("agents") and id.
type Finding struct {
	Section string
	ID      string
	Fields  Fields
}
