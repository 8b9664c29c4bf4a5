package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"beckon/internal/catalog"

	"gopkg.in/yaml.v3"
)

// The limits of one value's expansion. Variables may refer to variables, and so could double at every level.
const (
	maxReferenceDepth = 20
	maxReferences     = 1000
	maxExpandedBytes  = 1 << 20
)

var (
	errUnclosed = errors.New("a ${ is not closed by a }; write $${ for a ${ that is meant literally")
	errForm     = errors.New("only ${NAME} and ${NAME:-default} are understood; " +
		"write $${ for a ${ that is meant literally")
	errTooMuch = errors.New("its variables expand to too much")
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} and ${NAME:-default} in one scalar. It works on the parsed tree, so that no value of a
// variable can become anything but a value.
func (d *document) expand(n *yaml.Node, env catalog.Env, found *findings) error {
	if !strings.Contains(n.Value, "${") {
		return nil
	}
	x := expander{env: env, hide: found.hidden.Hide}
	value, err := x.text(n.Value, nil)
	if err != nil {
		return err
	}
	d.written[n] = n.Value
	n.Value = value
	if n.Style == 0 {
		n.Tag = "" // an unquoted value may have become a number or a truth value
		n.Tag = n.ShortTag()
	}
	return nil
}

type expander struct {
	env        catalog.Env
	hide       func(value, instead string)
	references int
	bytes      int
}

// text expands s; chain holds the variables whose values s is within.
func (x *expander) text(s string, chain []string) (string, error) {
	var out strings.Builder
	for s != "" {
		switch {
		case strings.HasPrefix(s, "$${"):
			out.WriteString("${")
			s = s[3:]
		case strings.HasPrefix(s, "${"):
			end := closing(s)
			if end < 0 {
				return "", errUnclosed
			}
			value, err := x.reference(s[2:end], chain)
			if err != nil {
				return "", err
			}
			out.WriteString(value)
			s = s[end+1:]
		default:
			next := strings.IndexByte(s[1:], '$') + 1
			if next == 0 {
				next = len(s)
			}
			out.WriteString(s[:next])
			s = s[next:]
		}
	}
	if x.bytes += out.Len(); x.bytes > maxExpandedBytes {
		return "", errTooMuch
	}
	return out.String(), nil
}

// reference expands what stands between ${ and }.
func (x *expander) reference(inner string, chain []string) (string, error) {
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if x.references++; x.references > maxReferences {
		return "", errTooMuch
	}
	if !variableName.MatchString(name) {
		return "", errForm
	}
	if i := slices.Index(chain, name); i >= 0 {
		return "", fmt.Errorf("the variables refer to each other in a circle: ${%s} → ${%s}",
			strings.Join(chain[i:], "} → ${"), name)
	}
	if len(chain) == maxReferenceDepth {
		return "", fmt.Errorf("${%s} refers to variables that refer to variables, more than %d deep",
			chain[0], maxReferenceDepth)
	}
	value, set := x.env(name)
	var err error
	switch {
	case value == "" && hasFallback:
		value, err = x.text(fallback, chain)
	case set:
		value, err = x.text(value, append(slices.Clip(chain), name))
	case len(chain) > 0:
		err = fmt.Errorf("${%s} refers to ${%s}, which is not set: set that variable, "+
			"or write $${ for a ${ that is meant literally", chain[len(chain)-1], name)
	default:
		err = fmt.Errorf("${%s} is not set: set the variable, or give a default as in ${%[1]s:-default}", name)
	}
	x.hide(value, "${"+name+"}")
	return value, err
}

// closing finds the } that belongs to the ${ at the beginning of s.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "${"):
			depth++
			i++
		case s[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
