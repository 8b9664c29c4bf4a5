package server

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// addNouns adds the routes of all nouns. One that has no document of its own is shown as the database keeps it.
func (s *Server) addNouns(api huma.API) {
	editor := s.Admin.Editor
	if editor == nil {
		return
	}
	documented := []registered{
		noun[agents.Provider, providerDocument, *providerDocument]{all: catalog.Of[agents.Provider](editor)},
		noun[agents.Agent, agentDocument, *agentDocument]{all: catalog.Of[agents.Agent](editor)},
		noun[agents.Flow, flowDocument, *flowDocument]{all: catalog.Of[agents.Flow](editor)},
		noun[commands.Command, commandDocument, *commandDocument]{all: catalog.Of[commands.Command](editor)},
		noun[clients.Client, clientDocument, *clientDocument]{all: catalog.Of[clients.Client](editor), complete: s.withLimit, settle: s.followLimit},
		s.endpoints(),
	}
	for _, all := range editor.Sections() {
		if i := slices.IndexFunc(documented, func(n registered) bool { return n.kind().Section == all.Section }); i >= 0 {
			documented[i].register(api)
		} else {
			noun[catalog.Resource, plainDocument, *plainDocument]{all: all}.register(api)
		}
	}
}

type registered interface {
	kind() catalog.Kind
	register(huma.API)
}

func (s *Server) endpoints() noun[deliveries.Endpoint, endpointDocument, *endpointDocument] {
	return noun[deliveries.Endpoint, endpointDocument, *endpointDocument]{all: catalog.Of[deliveries.Endpoint](s.Admin.Editor), complete: s.withHealth}
}

// plainDocument is how the API shows a noun that has no document of its own: as the database keeps it, with its secrets
// masked.
type plainDocument struct {
	id      string
	item    catalog.Resource          // to be shown
	members map[string]jsontext.Value // as they were sent
	Managed
	shown secret.String
}

// Schema says what is known of any noun.
func (plainDocument) Schema(r huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Properties: map[string]*huma.Schema{
		"id": {Type: huma.TypeString, Description: "Lower-case letters, digits and hyphens."}}}
	maps.Copy(s.Properties, r.SchemaFromRef(r.Schema(reflect.TypeFor[Managed](), true, "").Ref).Properties)
	return s
}

func (d *plainDocument) named() *string          { return &d.id }
func (d *plainDocument) reveal(s secret.String)  { d.shown = s }
func (d *plainDocument) show(r catalog.Resource) { d.item = r }

// MarshalJSON puts the members of the resource beside those that every one has.
func (d plainDocument) MarshalJSON() ([]byte, error) {
	all := map[string]json.RawMessage{}
	parts := []any{d.item, d.Managed}
	if d.shown != "" {
		parts = append(parts, map[string]string{"secret": d.shown.Reveal()})
	}
	for _, part := range parts {
		text, err := json.Marshal(part)
		if err == nil {
			err = json.Unmarshal(text, &all)
		}
		if err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

// UnmarshalJSON keeps the members until it is known what they are to be.
func (d *plainDocument) UnmarshalJSON(data []byte) error {
	var named struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(data, &named) // what is no text is said to be so later
	d.id = named.ID
	return unmarshalStrictly(data, &d.members)
}

func (d *plainDocument) read(kind catalog.Kind) (catalog.Resource, problem.Fields) {
	members := maps.Clone(d.members)
	for _, name := range []string{"managedBy", "version", "warnings"} {
		delete(members, name)
	}
	if d.id != "" {
		members["id"], _ = jsontext.AppendQuote(nil, d.id)
	}
	return kind.Decode(members)
}
