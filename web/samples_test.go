package web

import (
	"time"

	"beckon/agents"
	"beckon/calls"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/doctor"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
	"beckon/runs"
	conversations "beckon/sessions"
	"beckon/tools"
)

// samples are what each template may have to show, with something of everything.
func samples() map[string][]any {
	agent := agents.Agent{ID: "triage", Provider: "openai", Model: "gpt-5-mini", Params: agents.Object{"top_p": 0.9}, Tools: []string{"docs.*", "deploy.rollback"}, Approve: []string{"deploy.rollback"}, Fallbacks: []agents.Fallback{{Provider: "offline"}},
		Output: &agents.Output{Schema: agents.OutputSchema{"type": "object"}}, Events: map[string]string{"run.completed": "triage.completed"}}
	provider := agents.Provider{ID: "openai", Type: providerOpenAI, APIKey: "${OPENAI_API_KEY}", Headers: map[string]secret.String{"X-Key": "x"}, Params: agents.Object{"top_p": 0.9}}
	flow := agents.Flow{ID: "incident", Root: agents.Step{Type: agents.StepLoop, MaxIterations: 3, Until: "state.done", Steps: []agents.Step{
		{Type: agents.StepParallel, Steps: []agents.Step{{Type: agents.StepAgent, AgentID: "logs", OnError: "continue"}}}, {Type: agents.StepAgent, AgentID: "summary", ResponseAgent: true}}}}
	command := commands.Command{ID: "daily-report", Prompt: "Report.", AgentID: "triage", Description: "For the morning."}
	toolServer := tools.Server{ID: "docs", Name: "Documents", Command: []string{"mcp-docs", "--root", "/srv/docs"}, Env: map[string]secret.String{"TOKEN": "x"},
		Secrets: map[string]secret.String{"KEY": "x"}}
	entry := catalog.AuditEntry{Who: "admin", Action: "update", Section: "clients", ResourceID: "ci", Before: []byte(`{"name":"a"}`), After: []byte(`{"name":"b"}`)}
	made := catalog.AuditEntry{Who: "admin", Action: "create", Section: "clients", ResourceID: "ci", After: []byte(`{"name":"b"}`)}
	token := clientToken{ID: "ci", IsNew: true, Token: "mgc_x", OldTokenNotice: "Gone.", Snippets: snippets("http://localhost:8080", clients.Client{ID: "ci", Passthrough: true}, "mgc_x"), SigningSecret: "x",
		Connect: &clientConnect{Title: "GitHub", Steps: []string{"Paste it."}, Secret: "x", AsksSecret: true, UsesToken: true}}
	named := sampleArrival()
	token.Arrival, token.Answers = &named, answersMade{Secret: "whsec_x", Errors: []string{"It is disabled."}}
	delivered := sampleDeliveryRow()
	places := answersOf{ID: "ci", Path: "/admin/clients/ci/arrival", Live: true, ShowsLast: true, More: 2, Places: []answerPlace{{ID: "ops", Name: "Ops", Address: "/x", Kind: "Slack", Note: "disabled", Last: &delivered}, {ID: "b"}}}
	token.Places = places
	refused := store.RefusedCall{ID: "ref_1", Status: 401, Code: "unauthorized", Method: "POST", Path: "/api/v1/webhooks/ci", ClientID: "ci", RequestID: "req_1",
		Headers: map[string]string{"Host": "localhost"}}
	return map[string][]any{
		"login":         {loginForm{"/admin", "Wrong."}},
		"error":         {errorView{"Not Found", "There is nothing at this address.", "req_1"}},
		"docs":          {nil},
		"guide":         {&guide{Name: "runs", Title: "Runs", HTML: "<p>x</p>", Sections: []guideSection{{"States", "states", "", 2}}}},
		"guides":        {guideList{Query: "x", Found: []found{{"States", "Runs", "book-open", "/docs/runs#states"}}, Guides: []*guide{{Name: "guides/alerts", Title: "Alerts", Lead: "x"}}, Reference: []*guide{{Name: "runs", Title: "Runs"}}}, guideList{Query: "y"}},
		"overview":      {sampleOverview()},
		"agents":        {sampleList("agents", agent)},
		"agent":         sampleForms("agent", agentFormOf(agent)),
		"providers":     {sampleList("providers", provider)},
		"provider":      sampleForms("provider", providerFormOf(provider)),
		"flows":         {sampleList("flows", flow)},
		"flow":          sampleForms("flow", flowFormOf(flow)),
		"flow-yaml":     sampleForms("flow", (&Web{}).flowTextOf(flow)),
		"commands":      {sampleList("commands", command)},
		"command":       sampleForms("command", command),
		"conversations": {conversationList{ClientID: "ci", Notice: "Done.", Sessions: []conversationRow{{conversations.Session{ID: "s", UpdatedAt: time.Now()}, "/admin"}}, Next: clientsPath, NotFirst: true}, conversationList{}},
		"conversation": {conversationScreen{ID: "s", ClientID: "ci", Error: "No.", Summaries: []summaryRow{{"triage", shownText{Text: "So far."}}},
			Turns: []turnRow{{conversations.Turn{RunID: "run_1", AgentID: "triage", NodeID: "n", Tokens: 3}, shownText{Text: "Hi."}, shownText{Text: "Hello."}}}, Next: clientsPath}},
		"clients":       {nounList{Path: clientsPath, Notice: "Done.", Next: clientsPath, NotFirst: true, Rows: sampleClientRows()}},
		"client":        {sampleClient(""), sampleClient("ci")},
		"clienttoken":   {token},
		"callers":       {callersScreen{Groups: callerGroups()}},
		"clientarrival": {clientArrivalScreen{clientArrival{ID: "ci", IsNew: true, Live: true}, places}, clientArrivalScreen{sampleArrival(), answersOf{}}},
		"endpoints":     {nounList{Path: endpointsPath, Notice: "Done.", Next: endpointsPath, NotFirst: true, Rows: sampleEndpointRows()}},
		"endpoint":      {sampleEndpoint(""), sampleEndpoint("ops")},
		"toolServers":   {sampleList("toolServers", toolServer)},
		"toolserver":    sampleToolServers(toolServer),
		"search":        {searchResults{Query: "x"}, searchResults{Query: "ci", Groups: []foundGroup{{"Names", []found{{"ci", "client ci", "plug", clientsPath}}}}}},
		"design":        {newDesign()},
		"runs":          {sampleRuns()},
		"run":           {sampleRun()},
		"compare":       {comparison{A: sampleRun().Run, Error: "No.", Candidates: []candidate{{runRow{ID: "run_2"}, runsPath}}}, comparison{A: sampleRun().Run, B: sampleRun().Run, Facts: []comparedFact{{"Tokens", "1", "2", "+1"}}, Texts: []comparedText{compareTexts("Answer", "one", "two", "output", "run_1", "run_2")}}},
		"deliveries":    {sampleDeliveries()},
		"delivery":      {sampleDelivery()},
		"refused":       {refusedList{Client: "ci", Code: "unauthorized", Codes: refusedCodes(), Calls: []refusedRow{{refused, "No such client"}}, Next: refusedPath, NotFirst: true}},
		"refusedcall":   {newRefusedCall(refused, &clients.Client{ID: "ci"})},
		"settings":      {settingsView{Sections: []settingsSection{{"log", []Setting{{"log.level", "", "default", "What is logged."}, {"log.format", "text", "config.yaml:1", ""}}}}}},
		"doctor": {doctorScreen{}, doctorScreen{Busy: true}, doctorScreen{Examined: true, Findings: []doctor.Finding{{Check: "clock", Status: doctor.Good, Says: "It is noon."},
			{Check: "disk", Status: doctor.Warning, Says: "It is full.", Todo: "Free some space."}}}},
		"audit": {auditList{Section: "clients", ID: "ci", Sections: auditSections(), Rows: []auditRow{newAuditRow(entry), newAuditRow(made)}, Next: auditPath, NotFirst: true}},
	}
}

// sampleToolServers are a new one, one that is connected, and one that cannot be used.
func sampleToolServers(s tools.Server) []any {
	typed := toolServerFormOf(s)
	typed.Retype = true
	kept := nounForm[toolServerForm]{Path: formOf("toolServers").path(), One: "tool server", ID: "docs", Version: 1, Notice: "Done.", Form: typed,
		Errors: problem.Fields{{Path: "env.TOKEN", Message: "is bad"}, {Path: "secrets", Message: "is bad"}}}
	notes := []tools.Note{{At: time.Unix(0, 0), Text: "The session was lost."}}
	connected := toolServerScreen{nounForm: kept, State: "connected", Status: tools.Status{State: tools.StateConnected, Since: time.Unix(0, 0), Server: "docs 1.0", HasListed: true,
		Tools:   []tools.Tool{{Name: "docs.search", Title: "Search", Description: "Finds.", Schema: []byte(`{"type":"object"}`), ReadOnly: true}},
		LeftOut: []string{"x is left out."}, Notes: notes}, Try: toolTry{Tool: "docs.search", Arguments: "{}", IsDone: true, Text: "Found.", IsError: true}}
	failed := toolServerScreen{nounForm: kept, State: "cannot be used", Status: tools.Status{State: tools.StateFailed, Failure: "It cannot.", NextTry: time.Unix(0, 0), HasListed: true, Notes: notes},
		Try: toolTry{IsDone: true, Error: "It cannot."}}
	return []any{toolServerScreen{nounForm: nounForm[toolServerForm]{Path: kept.Path, One: kept.One}}, connected, failed}
}

// sampleForms are the form of a new one, and that of one that is kept and has mistakes.
func sampleForms[F any](one string, typed F) []any {
	made := nounForm[F]{Path: formOf(one).path(), One: one, Form: typed, Models: &modelList{Error: "It refuses connections."}}
	kept := made
	kept.ID, kept.Version, kept.Notice, kept.Outdated = "x", 1, "Done.", true
	kept.Notes = []string{"It knows no tools."}
	kept.Errors, kept.Choices, kept.Models = problem.Fields{{Path: "id", Message: "is bad"}}, []string{"x"}, &modelList{Names: []string{"m"}}
	return []any{made, kept}
}

func sampleList[T catalog.Resource](section string, item T) nounList {
	broken := nounPages[T, T]{form: formOf(section)}.listed(catalog.Record[T]{Item: item, Version: 1, Warnings: problem.Fields{{Path: "id", Message: "is bad"}}})
	path := formOf(section).path()
	return nounList{Path: path, Notice: "Done.", Next: path, NotFirst: true, Rows: []listed[T]{broken, {Item: item, Managed: true}}}
}

func sampleOverview() overview {
	now := time.Unix(0, 0).UTC()
	spans, chosen := chooseSpan("")
	count := runs.Tally{ByStatus: map[runs.Status]int64{runs.Completed: 1, runs.Failed: 1}, Tokens: 1, P50: time.Second, P95: time.Second}
	o := newOverview(Stats{
		Stats: runs.Stats{Hours: []runs.Hour{{At: now, Tally: count}}, Total: count, Failures: []runs.FailedRun{{RunID: "run_1", ClientID: "ci", WorkflowID: "triage",
			Error: agents.Failure{Code: "timeout", Message: "It took too long."}, CreatedAt: now}}},
		Troubled:    []Endpoint{{UnhealthyEndpoint: deliveries.UnhealthyEndpoint{EndpointID: "ops", Health: deliveries.Health{DisabledAt: now, FailingSince: now}}, Reason: "410", Pending: 1, Failed: 1}},
		Failing:     []agents.BreakerState{{Provider: "openai", Code: "provider_quota", Until: now}},
		Undelivered: 1, Refused: 1000, RefusedMore: true,
	}, spans, chosen)
	o.NotInForce, o.MoreNotInForce = []notInForceRow{{"client", "ci", "/admin/clients/ci", "It has no agent."}, {"the configuration file", "", "/admin/settings", "Line 1."}}, 1
	return o
}

func sampleClientRows() []clientRow {
	row := clientRow{listed[clients.Client]{Item: clients.Client{ID: "ci", Name: "CI"}, Why: "It is broken.", Managed: true}, &lastCall{"run_1", "FAILED", "It took too long.", time.Unix(0, 0)}}
	return []clientRow{row, {}}
}

func sampleClient(id string) clientScreen {
	item := clients.Client{ID: "ci", Passthrough: true, Template: "{{.body.text}}", AllowedAgents: []string{"triage"}, MaxConcurrent: 1}
	form := clientFormOf(item)
	return clientScreen{nounForm: nounForm[clientForm]{Path: clientsPath, One: "client", ID: id, Form: form, Managed: id == "", Errors: problem.Fields{{Path: "id", Message: "is bad"}}},
		HasSecret: true, Last: &lastCall{RunID: "run_1", Status: "COMPLETED"},
		Agents: []agentChoice{{"triage", "agent", true, true}}, Commands: []commandChoice{{"daily", "Daily", true}},
		Call: sampleFor(form), Preview: clientPreview{Made: true, Text: "hi", Agent: "triage"}, Try: tryResult{RunID: "run_1", Error: "No."}, Overlaps: overlaps(),
		Snippets: snippets("http://localhost:8080", item, "")}
}

func sampleArrival() clientArrival {
	at := time.Unix(0, 0)
	return clientArrival{ID: "ci", Live: true, At: at, Proof: "by the signature of GitHub", Repeated: true, IsAdded: true, Note: "It works.", RunID: "run_1", Status: "FAILED", Prompt: "Hi", Error: "No.",
		Event:   &calls.ArrivedEvent{Type: "push", Action: "created", Title: "A push", State: "open", Severity: "high"},
		Refused: &arrivalRefused{At: at, ID: "ref_1", Why: "Wrong signature", Meaning: "It does not match.", Advice: []string{"Compare the secrets."}}}
}

func sampleEndpointRows() []endpointRow {
	return []endpointRow{{ID: "ops", Name: "Ops", Address: endpointsPath + "/ops", URL: "example.com", Events: "run.failed", Managed: true,
		State: endpointState{"failing", "warn", "No attempt succeeds.", time.Unix(0, 0), true, true}, Waiting: 1}, {ID: "b"}}
}

func sampleEndpoint(id string) endpointScreen {
	e := deliveries.Endpoint{ID: "ops", URL: "https://example.com", Signature: string(signature.Ed25519), Format: `{"text": {{json .type}}}`, Events: []string{"run.failed", "mine"}}
	wrong := problem.Fields{}
	for _, path := range []string{"url", "retry", "events", "headers", "format", "signature"} {
		wrong.Add(path, "is wrong")
	}
	s := endpointScreen{nounForm: nounForm[endpointForm]{Path: endpointsPath, One: "endpoint", ID: id, Version: 1, Form: endpointFormOf(e), Notice: "Done.",
		Warnings: problem.Fields{{Message: "is broken"}}, Errors: wrong},
		Private: &privateNote{File: "/etc/beckon/config.yaml", Network: "127.0.0.1/32", Networks: []string{"10.0.0.0/8"}},
		State:   endpointState{"disabled", stateBad, "Why.", time.Unix(0, 0), true, false}, Waiting: 1, Secret: shownSecret{"whsec_x", true, true}, Overlaps: []time.Time{time.Unix(60, 0), time.Unix(0, 0)},
		PublicKey: "whpk_x", KeysURL: "/.well-known/webhook-keys.json", Recent: []deliveryRow{sampleDeliveryRow()}, Agents: newPickList("Agents and flows", "all agents and flows", field{Path: "agents", Value: "triage, gone"}, []string{"triage", "writer"}), Clients: newPickList("Clients", "all clients", field{Path: "clients"}, nil), Since: "2026-02-18T00:00"}
	s.Form.Headers, s.Form.typedSecrets = []headerLine{{"X-Env", true}}, true
	return s
}

func sampleRuns() runList {
	row := runRow{ID: "run_1", Status: "FAILED", Client: "ci", Agent: "triage", Source: "webhook", At: time.Unix(0, 0), Took: time.Second, Tokens: 1, Title: "Hi", Error: "It took too long."}
	list := newRunList(runFilter{Client: "ci", Search: "x"})
	list.Clients, list.Rows, list.Next, list.Looked, list.Error = []string{"ci"}, []runRow{row}, runsPath, 1, "No."
	return list
}

func sampleRun() runScreen {
	at := time.Unix(0, 0).UTC()
	failure := &agents.Failure{Code: "timeout", Message: "It took too long."}
	text := shownText{Label: "Text", Text: "Hi", Size: 3, Whole: runsPath}
	return runScreen{Notice: "Done.", Error: "No.", ShareAddress: "http://localhost:8080/r/run_1", Live: true, Waited: time.Second, Took: time.Second, Input: text, Output: text, Metadata: text,
		Run: &runs.Run{ID: "run_1", Status: runs.Running, ClientID: "ci", WorkflowID: "triage", CreatedAt: at, StartedAt: at, CompletedAt: at, Error: failure, SessionID: "s", Crashes: 1, Share: runs.HasPage, Views: 2,
			By: agents.Answerer{Provider: "offline", Model: "m", Degraded: true, Attempts: []agents.Attempt{{Provider: "openai", StartedAt: at, Status: 503, Error: failure, Reason: "Overloaded", Finish: "odd"}}}},
		Artifacts: []artifactRow{{agents.Artifact{ID: "art_1", Name: "a.png", MediaType: "image/png", NodeID: "painter"}, "image", "/a/art_1", "/x"}, {agents.Artifact{ID: "art_2"}, "audio", "/a/art_2", "/x"},
			{agents.Artifact{ID: "art_3"}, "video", "/a/art_3", "/x"}, {agents.Artifact{ID: "art_4"}, "", "", "/x"}},
		Uploads: []artifactRow{{agents.Artifact{ID: "art_5", Name: "call.wav", MediaType: "audio/wav"}, "audio", "/a/art_5", "/x"}},
		Nodes:   []nodeBar{{ID: "triage", Type: "triage", Status: "FAILED", lane: lane{0, barWidth}, Took: time.Second, StartedAt: at, Output: text, Error: failure}},
		Events:  []eventRow{{Type: "node.failed", Node: "triage", Status: "FAILED", At: at, Address: runsPath}}, MoreEvents: true,
		Deliveries: []deliveryRow{sampleDeliveryRow()}, Sent: []deliveryBar{{sampleDeliveryRow(), []sentBar{{lane{0, barWidth}, 1, 500, failure, time.Second, time.Second}}}, {deliveryRow: sampleDeliveryRow()}}, MoreDeliveries: deliveriesPath, Advice: advice{[]string{"Ask for less."}, []link{{"/admin/agents/triage", "Agent triage"}}}}
}

func sampleDeliveries() deliveryList {
	list := newDeliveryList(deliveryFilter{Endpoint: "ops"})
	list.Rows, list.Endpoints, list.Next = []deliveryRow{sampleDeliveryRow(), {ID: "dlv_2", URL: "https://example.com"}}, []string{"ops"}, deliveriesPath
	return list
}

func sampleDeliveryRow() deliveryRow {
	at := time.Unix(0, 0)
	return deliveryRow{ID: "dlv_1", Status: "FAILED", Type: "run.failed", Endpoint: "ops", RunID: "run_1", At: at, Due: at, NotSentBecause: "the endpoint is disabled", Until: at, Attempts: 2,
		Outcome: "It refuses connections."}
}

func sampleDelivery() deliveryScreen {
	at := time.Unix(0, 0).UTC()
	return deliveryScreen{deliveryRow: sampleDeliveryRow(), EventID: "evt_1", Client: "ci", Agent: "triage", Reason: "a retry", CompletedAt: at, Older: 1, Live: true, CanResend: true, Notice: "Done.", Error: "No.",
		Shown: []attemptRow{{Number: 2, Reason: "a retry", URL: "https://example.com", StatusCode: 500, At: at, Took: time.Second, Headers: []sentHeader{{"Webhook-Id", "evt_1"}},
			Body: shownText{Label: "Answer", Text: "No", Size: 3, Whole: deliveriesPath}, CutOff: true, Error: &problem.Failure{Code: "status", Message: "It answered 500."}}, {Number: 1}}}
}
