package web

// field is one field of a form: its label, what was typed, what it is for, and what is wrong with it. The template part
// "field" draws it.
type field struct {
	Path, Label, Value, Help string
	Error                    string // empty: nothing is
	Type                     string // of an input; or area, choice, check
	Placeholder              string
	List                     string   // the id of a datalist
	Options                  []string // of a choice
	Rows                     int      // of an area
	Required, Checked        bool
	// Starred says that the style sheet shows the mark of a required field where the field is one.
	Starred   bool
	Removable bool // it has a kept secret that may go
}

// AsRequired returns the field as one that has to be filled in.
func (f field) AsRequired() field {
	f.Required = true
	return f
}

// WithPlaceholder returns the field with the default value, or an example, to be shown while it is empty.
func (f field) WithPlaceholder(example string) field {
	f.Placeholder = example
	return f
}

// WithSuggestions returns the field with the suggestions of a datalist.
func (f field) WithSuggestions(list string) field {
	f.List = list
	return f
}

// Unknown reports whether the value is not among the options.
func (f field) Unknown() bool {
	for _, option := range f.Options {
		if option == f.Value {
			return false
		}
	}
	return f.Value != ""
}
