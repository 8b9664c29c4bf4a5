package render

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// yaml writes YAML in block style, with the keys in order and texts of several lines as they are. It is written here
// because a library would build the whole of it before anybody could look at its size or at the clock.
func (x *execution) yaml(v any) (string, error) {
	e := encoder{x: x}
	err := e.yaml(v, 0, 0)
	if e.needsLine {
		e.buf = append(e.buf, '\n')
	}
	if err == nil {
		err = e.check()
	}
	return string(e.buf), err
}

// yaml writes v where the cursor is, which is at the column indent.
func (e *encoder) yaml(v any, indent, depth int) error {
	p, err := e.open(v, depth)
	if err != nil {
		return err
	}
	e.needsLine = false
	switch p := p.(type) {
	case []any:
		if len(p) == 0 {
			e.buf = append(e.buf, "[]"...)
		}
		for i, item := range p {
			if err := e.line(i, indent); err != nil {
				return err
			}
			e.buf = append(e.buf, "- "...)
			if err := e.yaml(item, indent+2, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		return e.yamlMap(p, indent, depth)
	case string:
		if err := e.yamlString(p, max(indent, 2)); err != nil {
			return err
		}
	default:
		e.scalar(p)
	}
	return e.check()
}

func (e *encoder) yamlMap(m map[string]any, indent, depth int) error {
	if len(m) == 0 {
		e.buf = append(e.buf, "{}"...)
		return e.check()
	}
	keys, err := e.x.sortedKeys(m)
	if err != nil {
		return err
	}
	for i, key := range keys {
		if err := e.line(i, indent); err != nil {
			return err
		}
		if isPlainYAML(key) {
			e.buf = append(e.buf, key...)
		} else {
			e.buf = strconv.AppendQuote(e.buf, strings.ToValidUTF8(key, "\uFFFD"))
		}
		e.buf = append(e.buf, ':')
		value, err := e.x.plain(m[key])
		if err != nil {
			return err
		}
		if isBlock(value) {
			err = e.line(1, indent+2)
		} else {
			e.buf = append(e.buf, ' ')
		}
		if err != nil {
			return err
		}
		if err := e.yaml(value, indent+2, depth+1); err != nil {
			return err
		}
	}
	return e.check()
}

// line starts the i-th line of a block; the first one goes on where the cursor is.
func (e *encoder) line(i, indent int) error {
	if i == 0 {
		return nil
	}
	if len(e.buf)+indent >= e.x.limits.MaxBytes {
		return tooLarge(e.x.limits.MaxBytes)
	}
	e.buf = append(e.buf, '\n')
	e.buf = slices.Grow(e.buf, indent)
	for range indent {
		e.buf = append(e.buf, ' ')
	}
	return e.x.step(1 + indent/bytesPerStep)
}

func isBlock(p any) bool {
	switch p := p.(type) {
	case []any:
		return len(p) > 0
	case map[string]any:
		return len(p) > 0
	}
	return false
}

// yamlString writes s plain where nothing can be read into it, as a literal block where it has lines, else quoted.
// Go's escapes are YAML's.
func (e *encoder) yamlString(s string, indent int) error {
	s = strings.ToValidUTF8(s, "\uFFFD")
	switch {
	case isPlainYAML(s):
		e.buf = append(e.buf, s...)
	case isLiteralYAML(s):
		body, header := s, "|-"
		if strings.HasSuffix(s, "\n") {
			body, header, e.needsLine = s[:len(s)-1], "|", true
		}
		e.buf = append(e.buf, header...)
		for line := range strings.SplitSeq(body, "\n") {
			if line == "" {
				e.buf = append(e.buf, '\n')
				continue
			}
			if err := e.line(1, indent); err != nil {
				return err
			}
			e.buf = append(e.buf, line...)
		}
	default:
		e.buf = strconv.AppendQuote(e.buf, s)
	}
	return nil
}

// isPlainYAML is on the safe side: letters, then letters, digits and a few others.
func isPlainYAML(s string) bool {
	for i, r := range s {
		if !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !strings.ContainsRune("_-./ ", r)) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return !strings.HasSuffix(s, " ") && len(s) <= 120
}

// isLiteralYAML reports whether a literal block gives s back: it begins with a visible character, since the first line
// tells the indentation, and has at most one line break at the end.
func isLiteralYAML(s string) bool {
	if !strings.Contains(strings.TrimSuffix(s, "\n"), "\n") || strings.HasSuffix(s, "\n\n") || s[0] == ' ' ||
		s[0] == '\t' || s[0] == '\n' {
		return false
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
