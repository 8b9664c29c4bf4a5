package tools_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/agentstest"
	"beckon/internal/egress"
	"beckon/tools"
)

// withGet returns a Toolbox whose http.get may get URLs of a server on loopback that has pages.
func withGet(t *testing.T, paths ...string) (*tools.Toolbox, string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/open/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
		_, _ = w.Write([]byte("<p>caf\xe9</p>"))
	})
	mux.HandleFunc("/open/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/closed/page", http.StatusFound)
	})
	mux.HandleFunc("/open/image", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write([]byte("PNG"))
	})
	mux.HandleFunc("/open/long", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for range 3000 {
			fmt.Fprintln(w, strings.Repeat("x", 1000))
		}
	})
	mux.HandleFunc("/closed/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("closed")) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	guard := egress.NewGuard(func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	out := egress.NewWebhooks(guard)
	t.Cleanup(out.Close)
	list := make([]string, len(paths))
	for i, path := range paths {
		list[i] = server.URL + path
	}
	allowed, _, err := egress.ParseAllowed(list)
	require.NoError(t, err)
	box := tools.New(tools.Options{HTTP: out, Allowed: func() egress.Allowed { return allowed }})
	t.Cleanup(box.Close)
	return box, server.URL
}

func TestHTTPGet(t *testing.T) {
	box, url := withGet(t, "/open")
	for path, want := range map[string]string{
		"/open/page":  "HTTP 200, text/html\n\n<p>café</p>",
		"/open/none":  "HTTP 404, text/plain\n\n404 page not found\n",
		"/open/image": "HTTP 200, image/png\n\n[no text, so it was not read]",
	} {
		result := call(t, box, "http.get", fmt.Sprintf(`{"url":%q}`, url+path))
		require.Equal(t, want, result.Text)
		require.Equal(t, path == "/open/none", result.IsError)
	}
	away := call(t, box, "http.get", fmt.Sprintf(`{"url":%q}`, url+"/open/away"))
	require.True(t, away.IsError)
	require.Contains(t, away.Text, "none of those that egress.httpGet allows")

	files := &agentstest.Files{}
	long, err := box.Call(t.Context(), tools.Use{Tool: "http.get", Arguments: json.RawMessage(fmt.Sprintf(`{"url":%q}`, url+"/open/long")), Files: files})
	require.NoError(t, err)
	require.Contains(t, long.Text, "[cut: these are the first 65536 of ")
	require.Contains(t, files.Content(long.Artifacts[0].ID), "[only the first 1048576 bytes were read]")

	_, err = box.Call(t.Context(), tools.Use{Tool: "http.get", Arguments: json.RawMessage(fmt.Sprintf(`{"url":%q}`, url+"/closed/page"))})
	require.ErrorAs(t, err, new(*tools.ArgumentError))
	require.Len(t, box.Tools(t.Context(), []string{"http.get"}, []string{"http.*"}), 1)
}

func TestHTTPGetIsOfferedWhereSomethingIsAllowed(t *testing.T) {
	box, _ := withGet(t)
	require.Empty(t, box.Tools(t.Context(), []string{"http.get"}, []string{"http.get"}))
}

func TestNotesAreKept(t *testing.T) {
	box := tools.New(tools.Options{})
	var notes []string
	use := tools.Use{Tool: "run.note", Arguments: json.RawMessage(`{"text":"{{secret:X}} seen"}`), Note: func(text string) { notes = append(notes, text) }}
	_, err := box.Call(t.Context(), use)
	require.NoError(t, err)
	require.Equal(t, []string{"{{secret:X}} seen"}, notes)
	use.Arguments = json.RawMessage(fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 2001)))
	_, err = box.Call(t.Context(), use)
	require.ErrorAs(t, err, new(*tools.ArgumentError))
	require.True(t, call(t, box, "run.note", `{"text":"x"}`).IsError, "nobody keeps it")
}

func TestArtifactsAreWrittenAndRead(t *testing.T) {
	box := tools.New(tools.Options{})
	files := &agentstest.Files{}
	content := strings.Repeat("ä", 50_000)
	arguments, err := json.Marshal(map[string]string{"name": "report.md", "content": content})
	require.NoError(t, err)
	written, err := box.Call(t.Context(), tools.Use{Tool: "artifact.write", Arguments: arguments, Files: files})
	require.NoError(t, err)
	require.Len(t, written.Artifacts, 1)
	require.Equal(t, content, files.Content(written.Artifacts[0].ID))

	binary, err := files.Save(t.Context(), "x.bin", "", strings.NewReader("\xff\xfe\x00"))
	require.NoError(t, err)
	read := func(arguments string) (tools.Result, error) {
		return box.Call(t.Context(), tools.Use{
			Tool: "artifact.read", Arguments: json.RawMessage(arguments), Files: files, Artifacts: []agents.Artifact{written.Artifacts[0], binary},
		})
	}
	first, err := read(`{"artifact":"report.md","offset":1000}`)
	require.NoError(t, err)
	require.Contains(t, first.Text, "[these are the bytes 1000 to 66536 of 100000; go on with offset 66536]")
	second, err := read(fmt.Sprintf(`{"artifact":%q,"offset":66536}`, written.Artifacts[0].ID))
	require.NoError(t, err)
	require.Equal(t, content[66536:], second.Text)
	other, err := read(`{"artifact":"x.bin"}`)
	require.NoError(t, err)
	require.True(t, other.IsError)
	for _, bad := range []string{`{"artifact":"art_99"}`, `{"artifact":"report.md","offset":100001}`, `{"artifact":"report.md","offset":-1}`} {
		_, err = read(bad)
		require.ErrorAs(t, err, new(*tools.ArgumentError), bad)
	}
	require.Equal(t, []string{"artifact.read", "artifact.write", "run.note", "time.now"}, namesOf(t, box, "artifact", "run", "time", "http"))
}
