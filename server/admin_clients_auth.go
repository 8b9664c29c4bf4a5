package server

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"beckon/clients"
	"beckon/internal/secret"
)

// authDocument is one way in which a caller may prove itself: the name of a scheme, or an object.
type authDocument struct{ clients.Auth }

func authDocuments(list []clients.Auth) []authDocument {
	all := make([]authDocument, len(list))
	for i, a := range list {
		all[i] = authDocument{a}
	}
	return all
}

// Schema implements huma.SchemaProvider.
func (authDocument) Schema(r huma.Registry) *huma.Schema {
	object := &huma.Schema{
		Type:                 huma.TypeObject,
		AdditionalProperties: false,
		Required:             []string{"scheme"},
		Properties:           map[string]*huma.Schema{},
	}
	of := reflect.TypeFor[clients.Auth]()
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		switch name {
		case "secret":
			object.Properties[name] = secretsDocument{}.Schema(r)
		case "claims":
			object.Properties[name] = &huma.Schema{
				Type:                 huma.TypeObject,
				AdditionalProperties: text("* stands for any text."),
			}
		case "tolerance":
			object.Properties[name] = &huma.Schema{Type: huma.TypeString, Examples: []any{"5m"}}
		default:
			object.Properties[name] = text("")
		}
	}
	return &huma.Schema{OneOf: []*huma.Schema{text("A scheme, such as bearer or basic."), object}}
}

// secretsDocument is one secret or several that are good at once.
type secretsDocument clients.Secrets

// UnmarshalJSON reads a text or a list. An empty text removes what is kept.
func (d *secretsDocument) UnmarshalJSON(data []byte) error {
	if string(data) == `""` {
		*d = secretsDocument{secret.Removed}
		return nil
	}
	return (*clients.Secrets)(d).UnmarshalJSON(data)
}

// Schema implements huma.SchemaProvider.
func (secretsDocument) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "What the sender signs with: a text, or a list of which each is good. Shown as •••; " +
			"left out or sent like this, it stays.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString},
			{Type: huma.TypeArray, Nullable: true, Items: &huma.Schema{Type: huma.TypeString}},
		},
	}
}
