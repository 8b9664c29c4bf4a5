package render

// Unknown is a value whose shape is not known, in the data of a rendering that finds out whether a template can be
// used at all: what a caller will send, say. It has every member that the template names, each of them as unknown.
// It is printed as 0, because a number is JSON in quotes and without them.
type Unknown map[string]any

// UnknownText is a text of which nothing is known. It has no members, and what fromJson makes of it is unknown.
type UnknownText struct{ content Unknown }

const unknownPrinted = "0"

// String implements fmt.Stringer.
func (UnknownText) String() string { return unknownPrinted }

// Unknown returns an unknown value for a rendering of the template.
func (t *Template) Unknown() Unknown {
	u := Unknown{"": nil} // not empty: {{with}} and {{if}} go in
	for name := range t.names {
		u[name] = u
	}
	return u
}

// Text returns a text of as unknown a content.
func (u Unknown) Text() UnknownText { return UnknownText{u} }

// fromJSON reads JSON in a text, as JSON does.
func (x *execution) fromJSON(v any) (any, error) {
	switch v := v.(type) {
	case Unknown:
		return v, nil
	case UnknownText:
		return v.content, nil
	}
	p, err := x.plain(v)
	if err != nil {
		return nil, err
	}
	text, ok := p.(string)
	if !ok {
		return nil, failf(Failed, "fromJson needs a text")
	}
	if err := x.step(1 + len(text)/bytesReadPerStep); err != nil {
		return nil, err
	}
	decoded, err := JSON([]byte(text))
	if err != nil {
		return nil, failf(Failed,
			"fromJson needs a text that is JSON (write … | fromJson | default \"…\" where it may be none)")
	}
	return decoded, nil
}

// bytesReadPerStep is how much JSON is read in a step: to read it takes longer than to copy it.
const bytesReadPerStep = 8

// softFromJSON is fromJSON for a value that has a default.
func (x *execution) softFromJSON(v any) (any, error) {
	decoded, err := x.fromJSON(v)
	if failed, ok := err.(*Error); ok && failed.Kind == Failed {
		return nil, nil
	}
	return decoded, err
}
