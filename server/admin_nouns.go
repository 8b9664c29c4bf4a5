package server

import (
	"maps"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
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
		noun[clients.Client, clientDocument, *clientDocument]{
			all:          catalog.Of[clients.Client](editor),
			complete:     s.completeClients,
			omitDefaults: s.omitDefaultLimit,
		},
		s.endpoints(),
		s.toolServers(),
	}
	for _, all := range editor.Sections() {
		if i := slices.IndexFunc(documented, func(n registered) bool {
			return n.kind().Section == all.Section
		}); i >= 0 {
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
	return noun[deliveries.Endpoint, endpointDocument, *endpointDocument]{
		all:      catalog.Of[deliveries.Endpoint](s.Admin.Editor),
		complete: s.withHealth,
	}
}

// plainDocument is how the API shows a noun that has no document of its own: as the database keeps it, with its secrets
// masked.
type plainDocument struct {
	ID   string         `json:"id"`
	Rest jsontext.Value `json:",embed"` // its other members
	Managed
}

// Schema says what is known of any noun.
func (plainDocument) Schema(r huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Properties: map[string]*huma.Schema{
		"id": {
			Type:        huma.TypeString,
			Description: "Lower-case letters, digits and hyphens. Left out of a POST, it is made from the name.",
		}}}
	maps.Copy(s.Properties, r.SchemaFromRef(r.Schema(reflect.TypeFor[Managed](), true, "").Ref).Properties)
	return s
}

// MarshalJSON knows what embed is, as huma's own JSON does not.
func (d plainDocument) MarshalJSON() ([]byte, error) {
	type plain plainDocument
	return jsonv2.Marshal(plain(d))
}

func (d *plainDocument) idField() *string { return &d.ID }

func (d *plainDocument) show(r catalog.Resource) {
	document, err := jsonv2.Marshal(r)
	if err == nil {
		err = jsonv2.Unmarshal(document, d)
	}
	if err != nil {
		panic(err) // T of a Noun has to be a struct that is an object in JSON
	}
}

func (d *plainDocument) read(kind catalog.Kind) (catalog.Resource, problem.Fields) {
	members := map[string]jsontext.Value{}
	_ = jsonv2.Unmarshal(d.Rest, &members) // where there are none, there is nothing to read
	members["id"], _ = jsontext.AppendQuote(nil, d.ID)
	return kind.Decode(members)
}
