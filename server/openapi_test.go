package server_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var pathParameter = regexp.MustCompile(`:(\w+)`)

// pages are what is not for programs.
func isPage(path string) bool {
	return path == "/" || path == "/docs" || path == "/admin" || strings.HasPrefix(path, "/docs/") || strings.HasPrefix(path, "/admin/")
}

func document(t *testing.T, g *gateway) map[string]any {
	a := g.get("/api/v1/openapi.json", "-Authorization")
	require.Equal(t, http.StatusOK, a.StatusCode)
	return a.json(t)
}

func TestRoutesAndDocumentAgree(t *testing.T) {
	g := newGateway(t, setting{})
	var described, served []string
	for path, item := range document(t, g)["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	for _, route := range g.srv.Routes() {
		if rest, ok := strings.CutPrefix(route.Path, "/v1/"); ok { // the same as under /api/v1/
			route.Path = "/api/v1/" + rest
		}
		if !isPage(route.Path) {
			served = append(served, route.Method+" "+pathParameter.ReplaceAllString(route.Path, "{$1}"))
		}
	}
	slices.Sort(described)
	slices.Sort(served)
	served = slices.Compact(served)
	require.Equal(t, served, described)
	require.Greater(t, len(served), 50)
}

func TestDocument(t *testing.T) {
	g := newGateway(t, setting{})
	d := document(t, g)
	require.Equal(t, "3.1.0", d["openapi"])
	components := d["components"].(map[string]any)
	schemas := components["schemas"].(map[string]any)
	ids := map[string]bool{}
	for path, item := range d["paths"].(map[string]any) {
		for method, o := range item.(map[string]any) {
			op := o.(map[string]any)
			at := method + " " + path
			id, _ := op["operationId"].(string)
			require.NotEmpty(t, id, at)
			require.False(t, ids[id], "%s: %s is there twice", at, id)
			ids[id] = true
			require.NotEmpty(t, op["summary"], at)
			for status, r := range op["responses"].(map[string]any) {
				content := r.(map[string]any)["content"]
				if strings.HasPrefix(status, "2") || status == "303" {
					continue
				}
				if path == "/r/{run}" || path == "/f/{key}" || path == "/approve/{id}/{call}" { // a page for people
					require.Contains(t, content, "text/html", "%s %s", at, status)
					continue
				}
				require.Contains(t, content, "application/problem+json", "%s %s", at, status)
			}
			schemes := []string{}
			if security, ok := op["security"].([]any); ok {
				for _, s := range security {
					for scheme := range s.(map[string]any) {
						require.Contains(t, components["securitySchemes"], scheme, at)
						schemes = append(schemes, scheme)
					}
				}
			}
			switch {
			case strings.HasPrefix(path, "/api/v1/admin/"), strings.HasSuffix(path, "/approvals/{call}"):
				require.Equal(t, []string{"admin", "session"}, schemes, at)
				require.Contains(t, op["responses"], "401", at)
			case strings.HasPrefix(path, "/api/v1/webhooks") && method != "post":
				require.Empty(t, schemes, at) // the same for everybody
			case strings.HasPrefix(path, "/f/"):
				require.Empty(t, schemes, at)
			case strings.HasPrefix(path, "/api/v1/runs"), strings.HasPrefix(path, "/api/v1/webhooks"), strings.HasPrefix(path, "/api/v1/nodes"), strings.HasPrefix(path, "/api/v1/sessions"):
				require.Equal(t, []string{"client"}, schemes, at)
				require.Contains(t, op["responses"], "401", at)
			default:
				require.Empty(t, schemes, at)
			}
		}
	}
	text, err := json.Marshal(d)
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		require.Contains(t, schemas, m[1])
	}
	require.NotContains(t, schemas, "ErrorModel")
	client := schemas["Client"].(map[string]any)["properties"].(map[string]any)
	for _, member := range []string{"id", "name", "enabled", "passthrough", "commandId", "template", "allowedAgents", "syncTimeout", "cancelOnDisconnect", "maxBodyBytes", "rateLimit", "maxConcurrent", "managedBy"} {
		require.Contains(t, client, member)
	}
	run := schemas["RunDetail"].(map[string]any)["properties"].(map[string]any)
	for _, member := range []string{"runId", "output", "data", "attempts", "nodes"} {
		require.Contains(t, run, member)
	}
}
