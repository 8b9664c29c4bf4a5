package web

// field is one field of a form: its label, what was typed, what it is for, and what is wrong with it. The template part
// "field" draws it.
type field struct {
	Path, Label, Value, Help string
	Wrong                    string // empty: nothing is
	Type                     string // of an input; or area, choice, check
	Placeholder              string
	List                     string   // the id of a datalist
	Options                  []string // of a choice
	Rows                     int      // of an area
	Required, Checked        bool
	Removable                bool // it has a kept secret that may go
}

// Must marks it as one that has to be filled in.
func (f field) Must() field {
	f.Required = true
	return f
}

// Like shows what is in force, or an example, while it is empty.
func (f field) Like(example string) field {
	f.Placeholder = example
	return f
}

// From offers what a datalist has.
func (f field) From(list string) field {
	f.List = list
	return f
}

// Unknown reports whether a choice that was made is none of those that there are.
func (f field) Unknown() bool {
	for _, option := range f.Options {
		if option == f.Value {
			return false
		}
	}
	return f.Value != ""
}
