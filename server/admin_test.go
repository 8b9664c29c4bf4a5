package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/server"
)

func TestAdminIsForAdministrators(t *testing.T) {
	g := newAdminGateway(t, setting{})
	token := g.fill()
	try := func(method, path string, headers ...string) answer {
		r := g.request(path, "", headers...)
		r.Method = method
		return g.do(r)
	}
	type route struct{ method, path string }
	routes := []route{{http.MethodGet, "/api/v1/admin"}, {http.MethodGet, "/api/v1/admin/"}, {http.MethodGet, "/api/v1/admin/nothing"}, {http.MethodPatch, "/api/v1/admin/clients"}}
	for _, r := range g.srv.Routes() {
		if strings.HasPrefix(r.Path, "/api/v1/admin/") {
			routes = append(routes, route{r.Method, strings.ReplaceAll(r.Path, ":id", "web")})
		}
	}
	require.Greater(t, len(routes), 40)
	first := ""
	for _, r := range routes {
		for name, header := range map[string]string{"no login": "-Authorization", "a client's token": "Authorization: Bearer " + token, "the file's client": "Authorization: Bearer t0ken-of-file",
			"a wrong one": "Authorization: Bearer " + adminToken + "x", "an empty one": "Authorization: Bearer ", "another scheme": "Authorization: Basic " + adminToken} {
			a := try(r.method, r.path, header)
			require.Equal(t, 401, a.StatusCode, "%s %s with %s", r.method, r.path, name)
			require.Equal(t, "Bearer", a.Header.Get("WWW-Authenticate"))
			require.Empty(t, a.Header.Get("Allow"))
			if first == "" {
				first = a.body
			}
			require.Equal(t, first, a.body, "all are answered alike")
		}
	}
	code, _ := problemOf(t, g.admin(http.MethodGet, "/nothing", ""))
	require.Equal(t, "route_not_found", code)
	code, _ = problemOf(t, g.admin(http.MethodPatch, "/clients", ""))
	require.Equal(t, "method_not_allowed", code)
	require.Equal(t, 401, g.get("/api/v1/runs", "Authorization: Bearer "+adminToken).StatusCode, "the admin token is no client's")
}

func TestAdminWithoutToken(t *testing.T) {
	g := newAdminGateway(t, setting{server: func(c *server.Config) { c.Admin.Token = "" }})
	for _, header := range []string{"-Authorization", "Authorization: Bearer ", "Authorization: Bearer x"} {
		require.Equal(t, 401, g.admin(http.MethodGet, "/clients", "", header).StatusCode)
	}
}

// loggedIn is the page's sessions: everybody with the cookie is mia.
type loggedIn struct{}

func (loggedIn) Admin(r *http.Request) (string, bool) {
	_, err := r.Cookie("session")
	return "mia", err == nil
}

func TestAdminWithASession(t *testing.T) {
	g := newAdminGateway(t, setting{server: func(c *server.Config) { c.Admin.Sessions = loggedIn{} }})
	const agent = `{"id":"a","provider":"filed"}`
	require.Equal(t, 401, g.admin(http.MethodPost, "/agents", agent, "-Authorization").StatusCode)
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Origin: https://elsewhere.example.com"} {
		a := g.admin(http.MethodPost, "/agents", agent, "-Authorization", "Cookie: session=1", header)
		require.Equal(t, 403, a.StatusCode, header)
	}
	require.Equal(t, 201, g.admin(http.MethodPost, "/agents", agent, "-Authorization", "Cookie: session=1", "Sec-Fetch-Site: same-origin").StatusCode)
	// A token is not sent by a browser on its own.
	require.Equal(t, 204, g.admin(http.MethodDelete, "/agents/a", "", "Sec-Fetch-Site: cross-site").StatusCode)
	items := g.admin(http.MethodGet, "/audit", "").json(t)["items"].([]any)
	require.Len(t, items, 2)
	require.Equal(t, "admin token", items[0].(map[string]any)["who"])
	require.Equal(t, "mia", items[1].(map[string]any)["who"])
	require.Equal(t, "create", items[1].(map[string]any)["action"])
	require.Nil(t, items[1].(map[string]any)["before"])
	require.Equal(t, "filed", items[1].(map[string]any)["after"].(map[string]any)["provider"])
}

func TestRetryOnCrashIsKeptAsItIsWritten(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	for path, document := range map[string]string{"/agents/a": `{"provider":"p","model":"m"%s}`, "/flows/f": `{"root":{"type":"agent","agentId":"a"}%s}`} {
		for _, test := range []struct {
			member string
			want   any
		}{{`,"retryOnCrash":false`, false}, {"", nil}, {`,"retryOnCrash":true`, true}, {`,"retryOnCrash":null`, nil}} {
			changed := g.admin(http.MethodPut, path, fmt.Sprintf(document, test.member))
			require.Equal(t, 200, changed.StatusCode, changed.body)
			read := g.admin(http.MethodGet, path, "").json(t)
			require.Contains(t, read, "retryOnCrash")
			require.Equal(t, test.want, read["retryOnCrash"], "%s%s", path, test.member)
		}
	}
}

func TestAdminResources(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newAdminGateway(t, setting{store: s})
		g.fill()
		g.has("/endpoints", `{"id":"e","url":"`+g.model.URL+`/hook"}`)
		for _, test := range []struct {
			section, body, changed string
			member                 string // of what was changed
			value                  any
			bad                    string // a body that is refused
			field                  string // and for which field
			filed                  bool   // the file has one too
		}{
			{"providers", `{"id":"x","type":"openai"}`, `{"type":"openai","timeout":"30s"}`, "timeout", "30s", `{"type":"openai","timeout":"soon"}`, "timeout", true},
			{"agents", `{"id":"x","provider":"p","model":"m"}`, `{"provider":"p","model":"m2","prompt":"Look."}`, "prompt", "Look.", `{"provider":"none","model":"m"}`, "provider", true},
			{"flows", `{"id":"x","root":{"type":"agent","agentId":"a"}}`, `{"root":{"type":"agent","agentId":"b"},"timeout":"1m","prompt":"Begin."}`, "prompt", "Begin.", `{"root":{"type":"loop"}}`, "root.steps", false},
			{"commands", `{"id":"x","prompt":"Go"}`, `{"prompt":"Go on","agentId":"f"}`, "agentId", "f", `{"prompt":"Go","agentId":"none"}`, "agentId", false},
			{"clients", `{"id":"x","passthrough":true,"allowedAgents":["a"]}`, `{"prompt":"Go","filter":"event.type != \"\"","coalesce":{"by":"body.id","window":"10s","maxRuns":2},"allowedAgents":["a"],"metadata":{"team":"web"}}`, "metadata", map[string]any{"team": "web"}, `{"passthrough":true,"allowedAgents":["a","none"]}`, "allowedAgents[1]", true},
			{"endpoints", `{"id":"x","url":"https://example.com/x"}`, `{"url":"https://example.com/y","retry":["1s","5m"]}`, "url", "https://example.com/y", `{"url":"https://example.com","retry":["soon"]}`, "retry[0]", false},
		} {
			t.Run(test.section, func(t *testing.T) {
				path := "/" + test.section
				made := g.admin(http.MethodPost, path, test.body)
				require.Equal(t, 201, made.StatusCode, made.body)
				require.Equal(t, `"1"`, made.Header.Get("ETag"))
				require.Equal(t, "/api/v1/admin"+path+"/x", made.Header.Get("Location"))
				code, _ := problemOf(t, g.admin(http.MethodPost, path, test.body))
				require.Equal(t, "already_exists", code)

				read := g.admin(http.MethodGet, path+"/x", "")
				require.Equal(t, 200, read.StatusCode)
				require.Equal(t, `"1"`, read.Header.Get("ETag"))
				d := read.json(t)
				require.Equal(t, "x", d["id"])
				require.Equal(t, "x", d["name"])
				require.Equal(t, "database", d["managedBy"])
				require.Equal(t, []any{}, d["warnings"])
				// What was read can be sent back as it is.
				same := g.admin(http.MethodPut, path+"/x", read.body, `If-Match: "1"`)
				require.Equal(t, 200, same.StatusCode, same.body)
				again := same.json(t)
				require.EqualValues(t, 2, again["version"])
				delete(again, "version")
				delete(d, "version")
				require.Equal(t, d, again)

				changed := g.admin(http.MethodPut, path+"/x", test.changed, `If-Match: "2"`)
				require.Equal(t, 200, changed.StatusCode, changed.body)
				require.Equal(t, `"3"`, changed.Header.Get("ETag"))
				require.Equal(t, test.value, changed.json(t)[test.member])
				for _, tag := range []string{`"2"`, `"abc"`, `"1", "2"`} {
					late := g.admin(http.MethodPut, path+"/x", test.changed, "If-Match: "+tag)
					require.Equal(t, 412, late.StatusCode)
					code, _ = problemOf(t, late)
					require.Equal(t, "changed_since", code)
				}
				require.Equal(t, 412, g.admin(http.MethodDelete, path+"/x", "", `If-Match: "1"`).StatusCode)

				bad := g.admin(http.MethodPut, path+"/x", test.bad)
				require.Equal(t, 400, bad.StatusCode, bad.body)
				code, fields := problemOf(t, bad)
				require.Equal(t, "invalid_resource", code)
				require.Contains(t, fields, test.field)
				_, fields = problemOf(t, g.admin(http.MethodPut, path+"/x", `{"id":"y"}`))
				require.Equal(t, []string{"id"}, fields)

				require.Equal(t, test.value, g.admin(http.MethodGet, path+"/x", "").json(t)[test.member])
				gone := g.admin(http.MethodDelete, path+"/x", "", `If-Match: "3"`)
				require.Equal(t, 204, gone.StatusCode, gone.body)
				require.Empty(t, gone.body)
				for method, body := range map[string]string{http.MethodGet: "", http.MethodPut: test.changed, http.MethodDelete: ""} {
					a := g.admin(method, path+"/x", body)
					require.Equal(t, 404, a.StatusCode, method)
				}

				list := g.admin(http.MethodGet, path, "").json(t)
				require.Nil(t, list["nextCursor"])
				filed := 0
				for _, item := range list["items"].([]any) {
					if item.(map[string]any)["managedBy"] == "config" {
						filed++
					}
				}
				require.Equal(t, test.filed, filed == 1)
				if test.filed {
					read := g.admin(http.MethodGet, path+"/filed", "")
					require.Empty(t, read.Header.Get("ETag"))
					for method, body := range map[string]string{http.MethodPut: test.changed, http.MethodDelete: ""} {
						a := g.admin(method, path+"/filed", body)
						require.Equal(t, 409, a.StatusCode)
						code, _ := problemOf(t, a)
						require.Equal(t, "managed_by_config", code)
					}
				}
			})
		}
		require.Equal(t, 409, g.admin(http.MethodDelete, "/agents/a", "").StatusCode)
		hasNone(t, g.said, "sk-s3cret", "h3ader", "t0ken-of-file")
	})
}

func TestAdminClientDocument(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	made := g.has("/clients", `{"id":"alert-handler","name":"Alert handler","passthrough":true,"allowedAgents":["a"],"syncTimeout":"5m","maxBodyBytes":1048576,"rateLimit":{"requests":60,"per":"1m"},"maxConcurrent":16}`).json(t)
	require.Regexp(t, `^mgc_\w{43}$`, made["token"])
	read := g.admin(http.MethodGet, "/clients/alert-handler", "")
	require.JSONEq(t, `{"id":"alert-handler","name":"Alert handler","enabled":true,"auth":[],"source":"","secret":null,"form":null,"respond":"","passthrough":true,"commandId":null,"template":null,"trusted":null,"filter":null,"coalesce":null,"prompt":null,
		"metadata":null,"webhookSecret":null,"allowedAgents":["a"],"syncTimeout":"5m","cancelOnDisconnect":false,"cors":[],"share":false,"maxBodyBytes":1048576,"gate":null,"gateStatus":200,"budget":null,"rateLimit":{"requests":60,"per":"1m"},"maxConcurrent":16,
		"schedule":null,"timezone":null,"tools":[],"missed":"once","expectEvery":null,"nextRunAt":null,"lastRunAt":null,"lastRunId":null,"redact":null,"storeContent":true,"keepRequests":0,"lastCallAt":null,"silentSince":null,
		"inForce":true,"managedBy":"database","version":1,"warnings":[]}`, read.body)
	plain := g.admin(http.MethodGet, "/clients/web", "").json(t)
	require.Nil(t, plain["rateLimit"])
	require.Nil(t, plain["maxConcurrent"])
	require.EqualValues(t, 1<<20, plain["maxBodyBytes"])
	answer := g.call("hi", "Authorization: Bearer "+made["token"].(string))
	require.Equal(t, 401, answer.StatusCode, "it is another client's")
	r := g.request("/api/v1/webhooks/alert-handler", "hi", "Authorization: Bearer "+made["token"].(string), "Content-Type: text/plain")
	require.Equal(t, 200, g.do(r).StatusCode, "it can call at once")
}

func TestAdminKeepsSecretsOfProofs(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	g.has("/clients", `{"id":"hub","source":"github","secret":"s3cret-one","allowedAgents":["a"],"auth":["basic",{"scheme":"stripe","secret":["s3cret-two","s3cret-three"]}]}`)
	read := g.admin(http.MethodGet, "/clients/hub", "")
	require.NotContains(t, read.body, "s3cret")
	shown := read.json(t)
	require.Equal(t, []any{map[string]any{"scheme": "basic"}, map[string]any{"scheme": "stripe", "secret": []any{"•••", "•••"}}}, shown["auth"])
	require.Equal(t, true, shown["passthrough"], "with a source the prompt comes from the request")

	kept := func() clients.Client {
		record, err := catalog.Of[clients.Client](g.editor).Get(t.Context(), "hub")
		require.NoError(t, err)
		return record.Item
	}
	put := func(body string) answer { return g.admin(http.MethodPut, "/clients/hub", body) }
	require.Equal(t, 200, put(`{"id":"hub","source":"github","allowedAgents":["a"],"auth":[{"scheme":"stripe","secret":["newest","•••"]}]}`).StatusCode)
	require.Equal(t, clients.Secrets{"s3cret-one"}, kept().Secret, "what is left out stays")
	require.Equal(t, clients.Secrets{"newest", "s3cret-two"}, kept().Auth[0].Secret, "a secret stays with its scheme, and the first ••• is the first")
	require.Equal(t, 200, put(`{"id":"hub","source":"github","allowedAgents":["a"],"secret":""}`).StatusCode)
	require.Empty(t, kept().Secret)
	wrong := put(`{"id":"hub","source":"github","allowedAgents":["a"],"secret":"•••"}`)
	require.Equal(t, 400, wrong.StatusCode)
	require.Contains(t, wrong.body, "is only what is shown")
	require.Contains(t, put(`{"id":"hub","allowedAgents":["a"],"passthrough":true,"auth":["md5"]}`).body, "is unknown; there are")
}

func TestAdminRefusesBodies(t *testing.T) {
	g := newAdminGateway(t, setting{server: func(c *server.Config) { c.Calls.MaxBodyBytes = 2000 }})
	for name, test := range map[string]struct {
		body    string
		header  string
		status  int
		code    string
		fields  []string
		nowhere string // must not be in the answer
	}{
		"no JSON":              {`{"id":"x",`, "X: y", 400, "invalid_json", nil, ""},
		"nothing":              {"", "Content-Type: application/json", 400, "invalid_json", nil, ""},
		"a list":               {`[]`, "X: y", 400, "invalid_resource", []string{""}, ""},
		"a member twice":       {`{"id":"x","id":"y"}`, "X: y", 400, "invalid_json", nil, ""},
		"an unknown member":    {`{"id":"x","prompt":"Go","colour":"v4lue"}`, "X: y", 400, "invalid_resource", []string{"colour"}, "v4lue"},
		"a wrong type":         {`{"id":"x","prompt":{"v4lue":1}}`, "X: y", 400, "invalid_resource", []string{"prompt"}, "v4lue"},
		"another case":         {`{"ID":"v4lue","prompt":"Go"}`, "X: y", 400, "invalid_resource", nil, "v4lue"},
		"several":              {`{"id":7,"prompt":7}`, "X: y", 400, "invalid_resource", []string{"id", "prompt"}, ""},
		"no id":                {`{"prompt":"Go"}`, "X: y", 400, "invalid_resource", []string{"id"}, ""},
		"no JSON by its type":  {`id=x`, "Content-Type: application/x-www-form-urlencoded", 415, "unsupported_media_type", nil, ""},
		"text by its type":     {`{"id":"x","prompt":"Go"}`, "Content-Type: text/plain", 415, "unsupported_media_type", nil, ""},
		"too large":            {`{"id":"x","prompt":"` + strings.Repeat("x", 2000) + `"}`, "X: y", 413, "body_too_large", nil, "xxxx"},
		"a query that is none": {`{"id":"x","prompt":"Go"}`, "X: y", 400, "invalid_parameter", []string{"colour"}, "v4lue"},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/commands"
			if test.code == "invalid_parameter" {
				path += "?colour=v4lue"
			}
			a := g.admin(http.MethodPost, path, test.body, test.header)
			require.Equal(t, test.status, a.StatusCode, a.body)
			code, fields := problemOf(t, a)
			require.Equal(t, test.code, code)
			if test.fields != nil {
				require.ElementsMatch(t, test.fields, fields, a.body)
			}
			if test.nowhere != "" {
				require.NotContains(t, a.body, test.nowhere)
			}
		})
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "status=DONE", "cursor=x", "colour=1"} {
		for _, path := range []string{"/runs", "/deliveries"} {
			a := g.admin(http.MethodGet, path+"?"+query, "")
			require.Equal(t, 400, a.StatusCode, "%s %s", path, query)
		}
	}
	for query, says := range map[string]string{"limit=201": "limit: must be a number from 1 to 200", "limit=x": "limit: must be a number from 1 to 200",
		"status=DONE": "status: must be one of QUEUED, RUNNING, WAITING, COMPLETED, FAILED, CANCELED"} {
		require.Equal(t, says, g.admin(http.MethodGet, "/runs?"+query, "").json(t)["detail"], query)
	}
	for _, wrong := range [][2]string{{`"id":7`, "id: must be a text"}, {`"agents":"x"`, "agents: must be a list"}, {`"rateLimit":0.5`, "rateLimit: must be a whole number"},
		{`"enabled":"yes"`, "enabled: must be true or false"}, {`"headers":[]`, "headers: must be an object"}, {`"colour":1`, "colour: is not known here"}, {`"retry":5`, "retry: has the wrong form"}} {
		require.Equal(t, wrong[1], g.admin(http.MethodPost, "/endpoints", "{"+wrong[0]+"}").json(t)["detail"])
	}
	for _, since := range []string{"yesterday", "1000h", "-1h", "2999-01-01T00:00:00Z"} {
		require.Equal(t, 400, g.admin(http.MethodGet, "/stats?since="+since, "").StatusCode, since)
	}
	for _, query := range []string{"since=yesterday", "until=2026-02-18", "since=24h&until=x", "eventId=x"} {
		require.Equal(t, 400, g.admin(http.MethodGet, "/deliveries?"+query, "").StatusCode, query)
	}
	require.Equal(t, 200, g.admin(http.MethodGet, fmt.Sprintf("/runs?limit=%d", 200), "").StatusCode)
}

// What cannot be read, what is wrong by itself and what leads nowhere is all said at once.
func TestAdminSaysAllThatIsWrongAtOnce(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	for path, test := range map[string]struct {
		body   string
		fields []string
	}{
		"/clients/web": {`{"passthrough":true,"allowedAgents":["a","none"],"syncTimeout":"soon","maxConcurrent":-1,"template":"{{.x"}`,
			[]string{"syncTimeout", "maxConcurrent", "template", "allowedAgents[1]"}},
		"/clients": {`{"id":"A B","passthrough":true,"allowedAgents":["none"],"rateLimit":{"requests":0,"per":"soon"},"maxConcurrent":-1,
			"schedule":"at seven","prompt":"x","timezone":"Berlin","expectEvery":"often"}`,
			[]string{"id", "rateLimit.per", "rateLimit", "maxConcurrent", "allowedAgents[0]", "schedule", "timezone", "expectEvery"}},
		"/agents":    {`{"id":"A B","provider":"p","temperature":9,"timeout":"soon","systemPrompt":"{{.x"}`, []string{"id", "timeout", "temperature", "model", "systemPrompt"}},
		"/agents/a":  {`{"provider":"p","temperature":9}`, []string{"temperature", "model"}},
		"/flows":     {`{"id":"","root":{"type":"loop","until":"((","steps":[{"type":"agent","agentId":"none"}]},"timeout":"soon"}`, []string{"id", "timeout", "root.maxIterations", "root.until", "root.steps[0].agentId"}},
		"/commands":  {`{"id":"A B","prompt":"","agentId":"none"}`, []string{"id", "prompt", "agentId"}},
		"/providers": {`{"id":"A B","type":"openai","url":"ftp://x","timeout":"soon","maxRetries":99}`, []string{"id", "timeout", "maxRetries", "url"}},
		"/endpoints": {`{"id":"A B","url":"http://127.0.0.1:1","timeout":"soon","rateLimit":-1,"clients":["none"],"agents":["none"],"format":"{{json .type}}}"}`,
			[]string{"id", "url", "timeout", "rateLimit", "clients[0]", "agents[0]", "format"}},
	} {
		method := http.MethodPost
		if strings.Count(path, "/") == 2 {
			method = http.MethodPut
		}
		_, fields := problemOf(t, g.admin(method, path, test.body))
		require.ElementsMatch(t, test.fields, fields, path)
	}
}

func TestAdminSecretsStay(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	read := g.admin(http.MethodGet, "/providers/p", "")
	require.Equal(t, "•••", read.json(t)["apiKey"])
	require.Equal(t, map[string]any{"X-Key": "•••"}, read.json(t)["headers"])
	seen := make(chan string, 1)
	g.model.does(func(w http.ResponseWriter, r *http.Request, prompt string) {
		seen <- r.Header.Get("Authorization") + " " + r.Header.Get("X-Key")
		say(w, "hi")
	})
	call := func() string {
		a := g.do(g.request("/api/v1/webhooks/web", "hi", "Authorization: Bearer "+g.admin(http.MethodPost, "/clients/web/token", "").json(t)["token"].(string), "Content-Type: text/plain"))
		require.Equal(t, 200, a.StatusCode, a.body)
		return <-seen
	}
	for name, body := range map[string]string{"as it was read": read.body, "without it": strings.Replace(read.body, `"apiKey":"•••",`, "", 1),
		"null": strings.Replace(read.body, `"apiKey":"•••"`, `"apiKey":null`, 1)} {
		require.Equal(t, 200, g.admin(http.MethodPut, "/providers/p", body).StatusCode)
		require.Equal(t, "Bearer sk-s3cret h3ader", call(), name)
	}
	require.Equal(t, 200, g.admin(http.MethodPut, "/providers/p", strings.Replace(read.body, `"apiKey":"•••"`, `"apiKey":"sk-an0ther"`, 1)).StatusCode)
	require.Equal(t, "Bearer sk-an0ther h3ader", call())
	t.Setenv("SOME_API_KEY", "sk-environment")
	t.Setenv("HIDDEN_API_KEY", "sk-hidden")
	a := g.admin(http.MethodPut, "/providers/p", strings.Replace(read.body, `"apiKey":"•••"`, `"apiKey":"${SOME_API_KEY}"`, 1))
	require.Equal(t, "${SOME_API_KEY}", a.json(t)["apiKey"], a.body)
	require.Equal(t, "Bearer sk-environment h3ader", call())
	for _, write := range []answer{g.admin(http.MethodPut, "/providers/p", strings.Replace(read.body, `"apiKey":"•••"`, `"apiKey":"${HIDDEN_API_KEY}"`, 1)),
		g.admin(http.MethodPost, "/providers", `{"id":"mine","type":"openai","url":"`+g.model.URL+`/v1","apiKey":"${HIDDEN_API_KEY}"}`)} {
		require.Equal(t, 400, write.StatusCode, write.body)
		_, fields := problemOf(t, write)
		require.Equal(t, []string{"apiKey"}, fields)
	}
	require.Equal(t, "Bearer sk-environment h3ader", call())
	a = g.admin(http.MethodPut, "/providers/p", strings.Replace(read.body, `"apiKey":"•••"`, `"apiKey":""`, 1))
	require.Nil(t, a.json(t)["apiKey"], a.body)
	require.Equal(t, " h3ader", call())
	g.admin(http.MethodGet, "/audit?limit=200", "")
	hasNone(t, g.said, "sk-s3cret", "sk-an0ther", "sk-environment", "sk-hidden", "h3ader")
}
