package server

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"beckon/calls/forms"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

// formDocument is the form of a client, whose visitors send it from a web page.
type formDocument struct{ forms.Form }

func formDocumentOf(c clients.Client) *formDocument {
	if !c.IsForm() {
		return nil
	}
	return &formDocument{c.Form}
}

// UnmarshalJSON reads a form. A secret that is an empty text removes the one that is kept.
func (d *formDocument) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &d.Form); err != nil {
		return err
	}
	var given struct{ Secret *string }
	if err := json.Unmarshal(data, &given); err != nil {
		return err
	}
	if given.Secret != nil && *given.Secret == "" {
		d.Secret = secret.Removed
	}
	return nil
}

func (d *formDocument) form() forms.Form {
	if d == nil {
		return forms.Form{}
	}
	return d.Form
}

// Schema implements huma.SchemaProvider.
func (formDocument) Schema(huma.Registry) *huma.Schema {
	object := func(description string, properties map[string]*huma.Schema) *huma.Schema {
		return &huma.Schema{
			Type:                 huma.TypeObject,
			Description:          description,
			AdditionalProperties: false,
			Properties:           properties,
		}
	}
	texts := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeArray, Nullable: true, Description: description, Items: text("")}
	}
	number := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeInteger, Description: description}
	}
	flag := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeBoolean, Description: description}
	}
	kind := text("text unless it is said.")
	for _, name := range forms.Types() {
		kind.Enum = append(kind.Enum, name)
	}
	field := object("What a field may hold.", map[string]*huma.Schema{
		"type":     kind,
		"required": flag(""),
		"min":      number("Characters; of a number its value."),
		"max":      number("Characters; of a number its value, of a file its bytes."),
		"options":  texts("The values of a choice."),
		"multiple": flag("Whether a choice or a file may be there several times."),
	})
	form := object("Of a client with source form: what a page's visitors may send. Null for other clients.",
		map[string]*huma.Schema{
			"key": text("Of the public address, /f/{key}. Made unless it is given, and no secret."),
			"origins": texts("Of the pages that have the form, such as https://acme.example; " +
				"null for pages that are opened from disk."),
			"redirect": text("Where a plain form goes on; empty is a page of thanks."),
			"fields": {
				Type:                 huma.TypeObject,
				Nullable:             true,
				Description:          "By name. Without any, all fields are taken.",
				AdditionalProperties: field,
			},
			"honeypot": text("A field that people do not see: " +
				"a form that fills it is a program's, and starts nothing."),
			"perAddress": object("How many forms one address may send; 30 in a minute unless it is said. "+
				"IPv6 addresses count by their /64.",
				map[string]*huma.Schema{"requests": number(""), "per": text("Such as 1m.")}),
			"challenge": text("altcha, turnstile, hcaptcha, or none."),
			"siteKey":   text("Of turnstile and hcaptcha; it is public."),
			"secret":    text("Of turnstile and hcaptcha. Shown as •••; left out or sent like this, it stays."),
			"show":      text("nothing, or answer: visitors wait for the agent and see what it answers."),
			"language":  text("Of the pages that visitors see: en, de, fr or es. Empty is the visitor's own."),
			"thanks": object("The words of the page of thanks.", map[string]*huma.Schema{
				"title": text(""),
				"text":  text(""),
			}),
			"oldKeys": {
				Type:        huma.TypeArray,
				Nullable:    true,
				ReadOnly:    true,
				Description: "Keys that were replaced and are still good.",
				Items: object("", map[string]*huma.Schema{
					"key":   text(""),
					"until": {Type: huma.TypeString, Format: "date-time"},
				}),
			},
		})
	form.Nullable = true
	return form
}

// showFormKeys shows the keys that forms of the configuration file have been given.
func (s *Server) showFormKeys(list []*clientDocument) {
	for _, d := range list {
		if d.Form == nil || d.Form.Key != "" {
			continue
		}
		if client := s.Calls.Catalog().Clients.Get(d.ID); client != nil {
			d.Form.Key = client.Form.Key
		}
	}
}

type formKeyOutput struct {
	Body struct {
		ID  string `json:"id"`
		Key string `json:"key" doc:"Of the form's new public address, /f/{key}."`
	}
}

// rotateFormKey handles POST clients/{id}/form-key.
func (s *Server) rotateFormKey(ctx context.Context, in *tokenInput) (*formKeyOutput, error) {
	overlap, err := in.overlap()
	if err != nil {
		return nil, err
	}
	key, err := clients.RotateFormKey(ctx, catalog.Of[clients.Client](s.Admin.Editor), adminName(ctx), in.ID, overlap)
	if err != nil {
		return nil, err
	}
	out := &formKeyOutput{}
	out.Body.ID, out.Body.Key = in.ID, key
	return out, nil
}

// overlap is how long the old token or key stays good.
func (in *tokenInput) overlap() (time.Duration, error) {
	var overlap units.Duration
	var wrong problem.Fields
	if in.Body != nil {
		overlap = readDuration(&wrong, "overlap", in.Body.Overlap, 0)
	}
	return time.Duration(overlap), wrong.Err()
}
