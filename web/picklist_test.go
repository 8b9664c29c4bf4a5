package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
)

// An endpoint's agents and clients are chosen by boxes; ids beyond those that fit are typed.
func TestAnEndpointChoosesItsClients(t *testing.T) {
	r := newTraffic(t)
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: "https://203.0.113.7/hook", Agents: []string{"triage"}})
	page := r.get("/admin/endpoints/ops").body
	require.Contains(t, page, `<input type="checkbox" name="agents" value="triage" checked>`)
	require.Contains(t, page, `<input type="checkbox" name="clients" value="ci">`)
	require.NotContains(t, page, `id="field-clients" type="text"`, "all of them have a box")

	got := r.post("/admin/endpoints/ops", endpointForm("version", "1", "clients", "ci|alerts", "agents", ""))
	require.Equal(t, http.StatusSeeOther, got.StatusCode, got.body)
	e, _ := r.kept("ops")
	require.Equal(t, []string{"ci", "alerts"}, e.Clients)
	require.Empty(t, e.Agents)
}

func TestAnEndpointOfManyClients(t *testing.T) {
	r := newTraffic(t)
	for i := range 70 {
		id := "many-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		_, _, err := catalog.Of[clients.Client](r.editor).Create(t.Context(), "mia", clients.Client{ID: id, Passthrough: true, AllowedAgents: []string{"triage"}})
		require.NoError(t, err)
	}
	r.endpoint(deliveries.Endpoint{ID: "ops", URL: "https://203.0.113.7/hook", Clients: []string{"many-cr", "many-aa"}})
	page := r.get("/admin/endpoints/ops").body
	require.Equal(t, 50, strings.Count(page, `name="clients" value="`)-1, "fifty boxes, and the text field")
	require.Contains(t, page, `value="many-cr" checked`, "what is chosen has a box")
	require.Contains(t, page, "more exist")
	got := r.post("/admin/endpoints/ops", endpointForm("version", "1", "clients", "many-cr|many-cq, many-cp"))
	require.Equal(t, http.StatusSeeOther, got.StatusCode, got.body)
	e, _ := r.kept("ops")
	require.Equal(t, []string{"many-cr", "many-cq", "many-cp"}, e.Clients)
}
