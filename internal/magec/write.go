package magec

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// object is a mapping whose members keep their order.
type object []member

type member struct {
	key   string
	value any
}

// add adds a member, unless its value is empty; false is a value.
func (o *object) add(key string, value any) {
	v := reflect.ValueOf(value)
	if !v.IsValid() || v.Kind() != reflect.Bool && v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return
	}
	*o = append(*o, member{key, value})
}

// MarshalYAML implements yaml.Marshaler.
func (o object) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, m := range o {
		var key, value yaml.Node
		key.SetString(m.key)
		if text, ok := m.value.(string); ok {
			value.SetString(escape(text)) // in the style of a block, where it has several lines
		} else if err := value.Encode(m.value); err != nil {
			return nil, fmt.Errorf("write %s: %w", m.key, err)
		}
		n.Content = append(n.Content, &key, &value)
	}
	return n, nil
}

// escape keeps what looks like a variable and is none from being one.
func escape(text string) string {
	var out strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return out.String() + text
		}
		out.WriteString(text[:i])
		if at := variable.FindStringIndex(text[i:]); at == nil || at[0] != 0 {
			out.WriteByte('$')
		}
		out.WriteString("${")
		text = text[i+2:]
	}
}

func write(document object) (string, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return out.String(), encoder.Close()
}
