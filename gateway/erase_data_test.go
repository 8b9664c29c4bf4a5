package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

const dataFile = `
database: {url: %q}
server: {secretsKey: "a key of this test"}
admin: {token: adm1n, password: "a password"}
artifacts: {url: %q}
egress: {allowPrivate: ["127.0.0.0/8"]}
providers: [{id: offline, type: template, template: "re: {{.prompt}}"}]
agents: [{id: a, provider: offline, session: {window: 4}}]
flows: [{id: twice, root: {type: sequential, steps: [{type: agent, agentId: a, outputKey: first}, {type: agent, agentId: a, outputKey: second}]}}]
clients:
  - {id: mine, token: t0ken, passthrough: true, allowedAgents: [a, twice], keepRequests: 10}
  - {id: other, token: 0ther, passthrough: true, allowedAgents: [a]}
  - {id: contact, source: form, allowedAgents: [a], keepRequests: 20, form: {key: pk_northwindcontact2026, origins: ["https://acme.example"],
      fields: {from: {type: email, required: true}, message: {required: true}, cv: {type: file}}}}
`

// withData is a gateway with calls of two clients and of two visitors.
type withData struct {
	callers
	files string // the folder of the artifacts
}

func newWithData(t *testing.T, database string) withData {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "thanks, "+plantedMail) }))
	t.Cleanup(receiver.Close)
	d := withData{files: filepath.Join(t.TempDir(), "files")}
	d.callers = callers{start(t, load(t, fmt.Sprintf(dataFile, database, "file://"+d.files)))}
	for _, client := range []string{"mine:t0ken", "other:0ther"} {
		id, token, _ := strings.Cut(client, ":")
		body := fmt.Sprintf(`{"prompt":%q,"sessionId":%q,"metadata":{"of":%q},"webhook":{"url":%q}}`, planted, "of "+id, id+" "+planted, receiver.URL)
		r, answer := d.post(id, body, "Authorization: Bearer "+token, asJSON)
		require.Equal(t, 200, r.StatusCode, answer)
	}
	r, answer := d.post("mine?agent=twice", planted, "Authorization: Bearer t0ken")
	require.Equal(t, 200, r.StatusCode, answer)
	r, answer = d.post("mine?agent=nobody", planted, "Authorization: Bearer t0ken")
	require.Equal(t, 403, r.StatusCode, answer)
	d.form(plantedMail, "It is me", "my life")
	d.form("eve@example.com", "It is Eve", "hers")
	d.form(strings.ToUpper(plantedMail), "It is me again", "")
	require.Eventually(t, func() bool {
		const waiting = "SELECT (SELECT COUNT(*) FROM runs WHERE completed_at IS NULL) + (SELECT COUNT(*) FROM deliveries WHERE completed_at IS NULL) AS n"
		return storetest.Row[int64](t, d.store, waiting) == 0
	}, patience, 10*time.Millisecond)
	return d
}

func (d withData) form(from, message, file string) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	require.NoError(d.t, w.WriteField("from", from))
	require.NoError(d.t, w.WriteField("message", message))
	if file != "" {
		part, err := w.CreateFormFile("cv", "cv.txt")
		require.NoError(d.t, err)
		_, _ = part.Write([]byte(file + " of " + from))
	}
	require.NoError(d.t, w.Close())
	r, err := http.NewRequest(http.MethodPost, d.url+"/f/pk_northwindcontact2026", &body)
	require.NoError(d.t, err)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Origin", "https://acme.example")
	response, err := d.client.Do(r)
	require.NoError(d.t, err)
	require.NoError(d.t, response.Body.Close())
	require.Equal(d.t, 200, response.StatusCode)
}

// manage makes a request with the admin token.
func (d withData) manage(method, path, body string) (int, string) {
	header := []string{"Authorization: Bearer adm1n"}
	if body != "" {
		header = append(header, asJSON)
	}
	r, answer := d.raw(method, "/api/v1/admin"+path, body, header...)
	return r.StatusCode, answer
}

// raw makes a request to any path.
func (s *started) raw(method, path, body string, header ...string) (*http.Response, string) {
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	response, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response, string(text)
}

// kinds counts the lines of an export by their type.
func kinds(t *testing.T, export string) map[string]int {
	found := map[string]int{}
	for line := range strings.Lines(export) {
		var l struct {
			Type string
			Data json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(line), &l), line)
		require.NotEmpty(t, l.Data)
		found[l.Type]++
	}
	require.True(t, strings.HasPrefix(export[strings.LastIndex(strings.TrimSpace(export), "\n")+1:], `{"type":"end","data":{"runs":`))
	return found
}

// A client's data can be exported, and erased for good; nobody else's is in the export or erased.
func TestExportAndEraseAClient(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		d := newWithData(t, database)
		status, export := d.manage("GET", "/clients/mine/data", "")
		require.Equal(t, 200, status, export)
		found := kinds(t, export)
		require.Equal(t, 2, found["run"])
		require.Equal(t, 3, found["request"], "with the one that started no run")
		require.Equal(t, 1, found["session"])
		require.NotZero(t, found["delivery"])
		require.NotZero(t, found["event"])
		require.Contains(t, export, plantedCard)
		require.NotContains(t, export, "other "+planted)
		status, answer := d.manage("GET", "/clients/nobody/data", "")
		require.Equal(t, 404, status, answer)

		status, answer = d.manage("DELETE", "/clients/mine/data", "")
		require.Equal(t, 200, status, answer)
		require.JSONEq(t, `{"runs":2,"running":0,"sessions":1,"requests":1}`, answer)
		status, answer = d.manage("DELETE", "/clients/mine/data", "")
		require.Equal(t, 200, status, "again")
		require.JSONEq(t, `{"runs":0,"running":0,"sessions":0,"requests":0}`, answer)
		status, export = d.manage("GET", "/clients/mine/data", "")
		require.Equal(t, 200, status)
		requireNothingPlanted(t, export)
		require.Zero(t, kinds(t, export)["request"]+kinds(t, export)["session"])
		status, export = d.manage("GET", "/clients/other/data", "")
		require.Equal(t, 200, status)
		require.Contains(t, export, "other "+planted, "which is not erased")

		status, answer = d.manage("DELETE", "/clients/other/data", "")
		require.Equal(t, 200, status, answer)
		status, answer = d.manage("DELETE", "/clients/contact/data", "")
		require.Equal(t, 200, status, answer)
		require.Contains(t, d.admin(t, "/api/v1/admin/audit?section=clients&id=mine"), `"erase"`)
		require.Contains(t, d.admin(t, "/api/v1/admin/audit?section=clients&id=mine"), `"export"`)
		d.end()
		if strings.HasPrefix(database, "sqlite:") { // which may have copies of rows that it has moved
			db := storetest.OpenRaw(t, database)
			_, err := db.ExecContext(t.Context(), "VACUUM")
			require.NoError(t, err)
			require.NoError(t, db.Close())
		}
		requireNothingPlanted(t, dumpOf(t, database))
	})
}

// What a visitor has sent is found by their address, whatever its case, and erased with its files; what others have sent stays.
func TestExportAndEraseAVisitor(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		d := newWithData(t, database)
		address := fmt.Sprintf(`{"address":%q}`, plantedMail)
		status, export := d.manage("POST", "/visitors/export", address)
		require.Equal(t, 200, status, export)
		found := kinds(t, export)
		require.Equal(t, 2, found["run"])
		require.Equal(t, 1, found["file"])
		require.Contains(t, export, `"content":"bXkgbGlmZSBvZiBhZGEucGxhbnRlZEBleGFtcGxlLmNvbQ=="`)
		require.NotContains(t, export, "Eve")
		require.NotContains(t, export, plantedCard, "what clients said of her")
		for _, wrong := range []string{`{"address":"ada"}`, `{"address":""}`, `{}`, `{"address":"Ada <ada@example.com>"}`} {
			status, answer := d.manage("POST", "/visitors/erase", wrong)
			require.Contains(t, []int{400, 422}, status, answer)
		}
		require.Len(t, d.filesKept(), 2)

		status, answer := d.manage("POST", "/visitors/erase", address)
		require.Equal(t, 200, status, answer)
		require.Contains(t, answer, `"runs":2,"running":0`)
		status, export = d.manage("POST", "/visitors/export", address)
		require.Equal(t, 200, status)
		require.Equal(t, map[string]int{"end": 1}, kinds(t, export))
		status, export = d.manage("POST", "/visitors/export", `{"address":"eve@example.com"}`)
		require.Equal(t, 200, status)
		require.Contains(t, export, "It is Eve")
		require.Equal(t, 1, kinds(t, export)["file"])
		audit := d.admin(t, "/api/v1/admin/audit?section=visitors")
		require.Contains(t, audit, `"erase"`)
		require.NotContains(t, audit, "ada.planted")
		require.NoError(t, d.artifacts.RemoveUnused(t.Context()))
		require.Len(t, d.filesKept(), 1)
	})
}

func (d withData) filesKept() (names []string) {
	require.NoError(d.t, filepath.WalkDir(d.files, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) != ".attrs" {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// The page erases nothing unless the id, or the address, is typed to confirm it.
func TestErasingOnThePageIsConfirmed(t *testing.T) {
	d := newWithData(t, sqliteIn(t.TempDir()))
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, _ := d.raw("POST", "/admin/login", url.Values{"password": {"a password"}}.Encode(), "Content-Type: application/x-www-form-urlencoded", "Origin: "+d.url)
	session := "Cookie: " + strings.Split(r.Header.Get("Set-Cookie"), ";")[0]
	post := func(path string, form url.Values) (*http.Response, string) {
		return d.raw("POST", path, form.Encode(), "Content-Type: application/x-www-form-urlencoded", "Origin: "+d.url, session)
	}
	for path, form := range map[string]url.Values{
		"/admin/clients/mine/data/erase": {"confirm": {"min"}},
		"/admin/clients/contact/visitor": {"address": {plantedMail}, "confirm": {"eve@example.com"}, "do": {"erase"}},
	} {
		r, page := post(path, form)
		require.Equal(t, 422, r.StatusCode, path)
		require.Contains(t, page, "Nothing was erased", path)
	}
	r, export := post("/admin/clients/mine/data/export", nil)
	require.Equal(t, 200, r.StatusCode)
	require.Contains(t, export, plantedCard)
	r, export = post("/admin/clients/contact/visitor", url.Values{"address": {plantedMail}, "do": {"export"}})
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, 2, kinds(t, export)["run"])

	r, _ = post("/admin/clients/mine/data/erase", url.Values{"confirm": {"mine"}})
	require.Equal(t, 303, r.StatusCode)
	require.Contains(t, r.Header.Get("Location"), "runs=2")
	r, page := d.raw("GET", r.Header.Get("Location"), "", session)
	require.Equal(t, 200, r.StatusCode)
	require.Contains(t, page, "The content of 2 runs was erased.")
	r, _ = post("/admin/clients/contact/visitor", url.Values{"address": {plantedMail}, "confirm": {plantedMail}, "do": {"erase"}})
	require.Equal(t, 303, r.StatusCode)
	require.Contains(t, r.Header.Get("Location"), "runs=2")
}
