package calls_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/problem"
)

func requestOf(contentType, query, body string) *calls.Request {
	values, err := url.ParseQuery(query)
	if err != nil {
		panic(err)
	}
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	return &calls.Request{Header: header, Query: values, Body: []byte(body), ReceivedAt: time.Now()}
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	partType = "multipart/form-data; boundary=b"
)

// parts makes a multipart body of the boundary b; every part is its headers, an empty line and its content.
func parts(list ...string) string {
	var b strings.Builder
	for _, part := range list {
		b.WriteString("--b\r\nContent-Disposition: form-data; " + strings.ReplaceAll(part, "\n", "\r\n") + "\r\n")
	}
	return b.String() + "--b--\r\n"
}

func TestReadPrompt(t *testing.T) {
	text := func(s string) calls.Prompt { return calls.Prompt{Text: s} }
	for _, c := range []struct {
		name, contentType, query, body string
		want                           calls.Prompt
	}{
		{"JSON prompt", jsonType, "", `{"prompt":"Hi \"you\"\n\u00e4"}`, text("Hi \"you\"\nä")},
		{"JSON prompt is not trimmed", jsonType, "", `{"prompt":" Hi "}`, text(" Hi ")},
		{"JSON with charset", "Application/JSON; Charset=UTF-8", "", `{"prompt":"Hi"}`, text("Hi")},
		{"JSON suffix", "application/cloudevents+json", "", `{"prompt":"Hi"}`, text("Hi")},
		{"JSON with BOM", jsonType, "", "\xEF\xBB\xBF{\"prompt\":\"Hi\"}", text("Hi")},
		{"JSON promptMembers", jsonType, "", ` {"agent":"triage","sessionId":"s 1","metadata":{"a": [1]},"webhook":{"url":"https://x"},"prompt":"Hi","other":{"prompt":1}} `,
			calls.Prompt{Text: "Hi", Agent: "triage", SessionID: "s 1", Metadata: json.RawMessage(`{"a": [1]}`), Webhook: json.RawMessage(`{"url":"https://x"}`)}},
		{"JSON null promptMembers", jsonType, "", `{"agent":null,"sessionId":null,"metadata":null,"webhook":null,"prompt":"Hi"}`, text("Hi")},
		{"JSON empty promptMembers", jsonType, "agent=a", `{"agent":"","sessionId":"","prompt":"Hi"}`, calls.Prompt{Text: "Hi", Agent: "a"}},
		{"JSON largest promptMembers", jsonType, "", `{"prompt":"Hi","agent":"` + strings.Repeat("a", 63) + `","sessionId":"` + strings.Repeat("ä", 256) + `","metadata":{"a":"` + strings.Repeat("m", 16<<10-8) + `"}}`,
			calls.Prompt{Text: "Hi", Agent: strings.Repeat("a", 63), SessionID: strings.Repeat("ä", 256), Metadata: json.RawMessage(`{"a":"` + strings.Repeat("m", 16<<10-8) + `"}`)}},
		{"JSON object without prompt", jsonType, "", "\n {\"agent\": 7, \"a\" : [1, 2.0]}\n", text(`{"agent": 7, "a" : [1, 2.0]}`)},
		{"JSON empty object", jsonType, "", `{}`, text(`{}`)},
		{"JSON list", jsonType, "agent=a", ` [1] `, calls.Prompt{Text: "[1]", Agent: "a"}},
		{"JSON string", jsonType, "", `"Hi"`, text(`"Hi"`)},
		{"JSON null", jsonType, "", `null`, text(`null`)},
		{"JSON escaped key", jsonType, "", `{"pr\u006fmpt":"Hi"}`, text("Hi")},
		{"JSON duplicate member", jsonType, "", `{"prompt":"a","pr\u006fmpt":"b","x":[{"k":1,"k":2}]}`, text("b")},
		{"JSON another prompt", jsonType, "", `{"prompt":{"a":1},"agent":7}`, text(`{"prompt":{"a":1},"agent":7}`)},
		{"JSON null prompt", jsonType, "", `{"prompt":null}`, text(`{"prompt":null}`)},
		{"JSON digits", jsonType, "", `{"n":1.10,"m":12345678901234567890}`, text(`{"n":1.10,"m":12345678901234567890}`)},
		{"JSON in UTF-16", jsonType + "; charset=utf-16", "", "\xff\xfe{\x00}\x00", text("{}")},
		{"JSON in UTF-16 without a mark", jsonType + "; charset=utf-16", "", "{\x00}\x00", text("{}")},
		{"JSON in UTF-16BE", jsonType + "; charset=utf-16be", "", "\x00{\x00}", text("{}")},
		{"lines of JSON", "application/x-ndjson", "", "{}\n{}\n", text("{}\n{}\n")},
		{"XML", "application/xml", "", "<a/>", text("<a/>")},
		{"Atom", "application/atom+xml; charset=utf-8", "", "<a/>", text("<a/>")},
		{"YAML", "application/yaml", "", "a: 1", text("a: 1")},
		{"Latin-1", "text/plain; charset=ISO-8859-1", "", "\xe4\x80", text("ä€")},
		{"agent in the query", jsonType, "agent=a", `{"prompt":"Hi"}`, calls.Prompt{Text: "Hi", Agent: "a"}},
		{"the same agent in both", jsonType, "agent=a", `{"prompt":"Hi","agent":"a"}`, calls.Prompt{Text: "Hi", Agent: "a"}},
		{"the same agent twice", "", "agent=a&agent=a", "Hi", calls.Prompt{Text: "Hi", Agent: "a"}},
		{"empty agent in the query", "", "agent=", "Hi", text("Hi")},

		{"text", "text/plain", "agent=a", " Hi\n", calls.Prompt{Text: " Hi\n", Agent: "a"}},
		{"markdown", "text/markdown; charset=utf-8", "", "# Hi", text("# Hi")},
		{"text that looks like JSON", "text/plain", "", `{"prompt":"Hi"}`, text(`{"prompt":"Hi"}`)},
		{"ASCII", "text/plain; charset=US-ASCII", "", "Hi", text("Hi")},
		{"no type", "", "", "Hi ä", text("Hi ä")},
		{"BOM", "text/plain", "", "\xEF\xBB\xBFHi", text("Hi")},

		{"form prompt", formType, "", "prompt=Hi+you%21&agent=a&sessionId=s&metadata=x", calls.Prompt{Text: "Hi you!", Agent: "a", SessionID: "s"}},
		{"form lines in order", formType, "agent=a", "z=1&a=2+3&&m=%C3%A4&z=&k&agent=x", calls.Prompt{Text: "z: 1\na: 2 3\nm: ä\nz: \nk: \nagent: x", Agent: "a"}},
		{"form with charset", formType + "; charset=UTF-8", "", "a=1\r\n", text("a: 1")},
		{"curl -d", formType, "", "Write a haiku + 100%", text("Write a haiku + 100%")},
		{"curl -d with JSON", formType, "agent=a", ` {"prompt":"Hi","metadata":{"a":"b=c"}}`, calls.Prompt{Text: "Hi", Agent: "a", Metadata: json.RawMessage(`{"a":"b=c"}`)}},
		{"curl -d with a list", formType, "", `[{"a":"b=c"}]`, text(`[{"a":"b=c"}]`)},
		{"curl -d with half an object", formType, "", `{"a":"b=c"`, text(`{"a":"b=c"`)},
		{"curl -d with an equation", formType, "", "Is 2+2=4?", text("Is 2+2=4?")},
		{"curl -d with a sentence", formType, "", "Is a=b & c=d?\n", text("Is a=b & c=d?\n")},
		{"curl -d with a colon", formType, "", "level:error=5%", text("level:error=5%")},
		{"curl -d with a quote", formType, "", `"x"=1`, text(`"x"=1`)},
		{"curl -d with a bracket", formType, "", "f(x)=1", text("f(x)=1")},
		{"curl -d beyond ASCII", formType, "", "größe=1", text("größe=1")},
		{"curl -d with a percent sign", formType, "", "%zz=1", text("%zz=1")},
		{"form with a plus in a name", formType, "", "Full+name=Ada", text("Full name: Ada")},
		{"form with a space in a value", formType, "", "name=Ada Lovelace", text("name: Ada Lovelace")},
		{"form with brackets", formType, "", "user[name]=Ada&tags[]=a&tags%5B%5D=b", text("user[name]: Ada\ntags[]: a\ntags[]: b")},
		{"form in Latin-1", formType + "; charset=iso-8859-1", "", "a=gr%f6%DFe&b=\xe4", text("a: größe\nb: ä")},

		{"multipart prompt", partType, "", parts("name=prompt\n\nHi\nyou", "name=\"agent\"\n\na", "name=sessionId\n\ns", "name=x\n\ny"),
			calls.Prompt{Text: "Hi\r\nyou", Agent: "a", SessionID: "s"}},
		{"multipart lines", partType, "", parts("name=b\n\n1", "name=a\nContent-Type: text/plain; charset=utf-8\n\nä", "name=f; filename=\"../x/report.pdf\"\nContent-Type: application/pdf\n\n\xff\x00\xfe", "name=g; filename=n\n\n\x0012"),
			text("b: 1\na: ä\nf: report.pdf (application/pdf, 3 bytes)\ng: n (application/octet-stream, 3 bytes)")},
		{"multipart text files", partType, "", parts("name=a; filename=a.csv\nContent-Type: text/csv\n\n1,2\n3,4", "name=b; filename=b.log\nContent-Type: application/octet-stream\n\nä\tb",
			"name=c; filename=c.json\nContent-Type: application/json\n\n{}", "name=d; filename=d.txt\nContent-Type: text/plain; charset=windows-1252\n\n\x80", "name=e; filename=e.txt\nContent-Type: text/plain\n\n\xff"),
			text("a: a.csv\n1,2\r\n3,4\nb: b.log\nä\tb\nc: c.json\n{}\nd: d.txt\n€\ne: e.txt (text/plain, 1 bytes)")},
		{"multipart file called prompt", partType, "", parts("name=prompt; filename=p.txt\nContent-Type: text/plain\n\nHi", "name=agent\n\na"), calls.Prompt{Text: "Hi", Agent: "a"}},
		{"multipart in Latin-1", partType, "", parts("name=a\nContent-Type: text/plain; charset=ISO-8859-1\n\n\xe4", "name=b\n\nä"), text("a: ä\nb: ä")},
		{"multipart quoted-printable", partType, "", parts("name=prompt\nContent-Transfer-Encoding: quoted-printable\n\nH=C3=A4"), text("Hä")},
		{"multipart with preamble", partType, "", "ignored\r\n" + parts("name=prompt\n\nHi") + "ignored", text("Hi")},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := requestOf(c.contentType, c.query, c.body)
			require.NoError(t, calls.CheckContentType(r.Header))
			got, err := calls.ReadPrompt(r)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.body, string(r.Body), "the body is left as it was")
		})
	}
}

func TestReadPromptRefuses(t *testing.T) {
	many := func(n int, each, separator string) string { return strings.Join(make([]string, n+1), each+separator) }
	for _, c := range []struct {
		name, contentType, query, body string
		code, detail                   string
	}{
		{"JSON cut off", jsonType, "", `{"prompt":"Hi`, "invalid_json", "cut off (line 1, column 14)"},
		{"JSON cut off between", jsonType, "", "{\"prompt\":\"Hi\",\n", "invalid_json", "cut off (line 2, column 1)"},
		{"JSON cut off list", jsonType, "", `[1,`, "invalid_json", "cut off (line 1, column 4)"},
		{"JSON trailing", jsonType, "", "{\"prompt\":\"Hi\"}\n x", "invalid_json", "(line 2, column 2)"},
		{"JSON second value", jsonType, "", `{"prompt":"Hi"} {}`, "invalid_json", "text after the end"},
		{"JSON list and more", jsonType, "", `[] []`, "invalid_json", "text after the end"},
		{"JSON text", jsonType, "", `Hi there`, "invalid_json", "(line 1, column 1)"},
		{"JSON invalid UTF-8", jsonType, "", "{\"prompt\":\"\xff\"}", "invalid_json", "not valid UTF-8"},
		{"JSON half a surrogate", jsonType, "", `{"prompt":"\ud800"}`, "invalid_json", "a syntax error"},
		{"JSON deep list", jsonType, "", strings.Repeat("[", 100_000), "invalid_json", "nested more than 10,000 levels"},
		{"JSON deep object", jsonType, "", strings.Repeat(`{"a":`, 100_000), "invalid_json", "nested more than 10,000 levels"},
		{"JSON deep and closed", jsonType, "", `{"prompt":"a","x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", "invalid_json", "nested more"},
		{"JSON single quotes", jsonType, "", `{'prompt':'Hi'}`, "invalid_json", "(line 1, column 2)"},
		{"JSON NUL", jsonType, "", `{"prompt":"a\u0000"}`, "invalid_text", "NUL"},
		{"agent is a number", jsonType, "", `{"prompt":"a","agent":1}`, "invalid_parameter", "agent must be a string"},
		{"agent is no id", jsonType, "", `{"prompt":"a","agent":"A b"}`, "invalid_parameter", "agent must be the id"},
		{"agent starts with a hyphen", jsonType, "", `{"prompt":"a","agent":"-a"}`, "invalid_parameter", "agent must be the id"},
		{"agent is too long", jsonType, "", `{"prompt":"a","agent":"` + strings.Repeat("a", 64) + `"}`, "invalid_parameter", "agent must be the id"},
		{"sessionId is an object", jsonType, "", `{"prompt":"a","sessionId":{}}`, "invalid_parameter", "sessionId must be a string"},
		{"sessionId is too long", jsonType, "", `{"prompt":"a","sessionId":"` + strings.Repeat("ä", 257) + `"}`, "invalid_parameter", "sessionId must be at most 256"},
		{"sessionId has a line break", jsonType, "", `{"prompt":"a","sessionId":"a\nb"}`, "invalid_parameter", "sessionId"},
		{"metadata is a list", jsonType, "", `{"prompt":"a","metadata":[]}`, "invalid_parameter", "metadata must be an object"},
		{"metadata is too large", jsonType, "", `{"prompt":"a","metadata":{"a":"` + strings.Repeat("m", 16<<10-7) + `"}}`, "invalid_parameter", "metadata is larger than 16384 bytes"},
		{"webhook is a string", jsonType, "", `{"prompt":"a","webhook":"https://x"}`, "invalid_parameter", "webhook must be an object"},
		{"agents differ", jsonType, "agent=b", `{"prompt":"a","agent":"a"}`, "invalid_parameter", "agent differs"},
		{"agents differ in the query", "", "agent=b&agent=c", `Hi`, "invalid_parameter", "agent is in the query more than once"},
		{"agent of the query is no id", "", "agent=B", `Hi`, "invalid_parameter", "agent must be the id"},

		{"text is not UTF-8", "text/plain", "", "a\xff", "invalid_utf8", "UTF-8"},
		{"no type and not UTF-8", "", "", "\xc3", "invalid_utf8", "UTF-8"},
		{"text with NUL", "text/plain", "", "a\x00b", "invalid_text", "NUL"},

		{"form prompt twice", formType, "", "prompt=a&prompt=b", "invalid_parameter", "prompt is in the form more than once"},
		{"form agent twice", formType, "", "agent=a&prompt=b&agent=a", "invalid_parameter", "agent is in the form more than once"},
		{"form agent is no id", formType, "", "agent=A&prompt=b", "invalid_parameter", "agent must be the id"},
		{"form sessionId", formType, "", "sessionId=%07&prompt=b", "invalid_parameter", "sessionId"},
		{"form escape", formType, "", "a=100%", "invalid_form", "percent"},
		{"form not UTF-8", formType, "", "a=%ff", "invalid_utf8", "UTF-8"},
		{"form with NUL", formType, "", "prompt=%00", "invalid_text", "NUL"},
		{"form with too many fields", formType, "", many(1001, "a=1", "&"), "invalid_form", "more than 1000 fields"},
		{"curl -d not UTF-8", formType, "", "\xff", "invalid_utf8", "UTF-8"},

		{"multipart with another boundary", partType, "", strings.ReplaceAll(parts("name=a\n\nb"), "--b", "--c"), "invalid_form", "not valid multipart"},
		{"multipart cut off", partType, "", strings.TrimSuffix(parts("name=a\n\nb"), "--b--\r\n"), "invalid_form", "cut off"},
		{"multipart cut off in a file", partType, "", "--b\r\nContent-Disposition: form-data; name=a; filename=f\r\n\r\nabc", "invalid_form", "cut off"},
		{"multipart cut off in the headers", partType, "", "--b\r\nContent-Dispo", "invalid_form", "cut off"},
		{"multipart without a name", partType, "", parts("x=y\n\nb"), "invalid_form", "no name"},
		{"multipart attachment", partType, "", "--b\r\nContent-Disposition: attachment; name=a\r\n\r\nb\r\n--b--\r\n", "invalid_form", "no name"},
		{"multipart prompt twice", partType, "", parts("name=prompt\n\na", "name=prompt\n\nb"), "invalid_parameter", "more than once"},
		{"multipart field not UTF-8", partType, "", parts("name=a\n\n\xff"), "invalid_utf8", "UTF-8"},
		{"multipart field with NUL", partType, "", parts("name=a\n\n\x00"), "invalid_text", "NUL"},
		{"multipart with too many parts", partType, "", many(2000, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", ""), "invalid_form", "more than 1000 fields"},
		{"multipart with many headers", partType, "", parts("name=a\n" + many(17, "X: y", "\n") + "\nb"), "invalid_form", "too many headers"},
		{"multipart with a large header", partType, "", parts("name=a\nX: " + strings.Repeat("y", 8<<10) + "\n\nb"), "invalid_form", "too many headers"},
		{"multipart without a boundary", "multipart/form-data", "", "Hi", "invalid_form", "needs a boundary"},
		{"multipart with a long boundary", "multipart/form-data; boundary=" + strings.Repeat("b", 71), "", "Hi", "invalid_form", "needs a boundary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := calls.ReadPrompt(requestOf(c.contentType, c.query, c.body))
			found := problem.Of(err)
			require.Equal(t, c.code, found.Code, err)
			require.Equal(t, problem.Invalid, found.Kind)
			require.Contains(t, found.Detail, c.detail)
			require.Less(t, len(found.Detail), 300)
			if c.code == "invalid_parameter" {
				require.Len(t, found.Fields, 1)
			}
		})
	}
}

// A body without any text brings no prompt, and is no mistake: others may have one.
func TestNoPrompt(t *testing.T) {
	for _, c := range []struct{ name, contentType, query, body string }{
		{"JSON empty prompt", jsonType, "", `{"prompt":""}`},
		{"JSON blank prompt", jsonType, "", `{"prompt":" \n\t\u00a0"}`},
		{"JSON no body", jsonType, "", ""},
		{"JSON blank body", jsonType, "", " \n"},
		{"text is empty", "text/plain", "", ""},
		{"no type and empty", "", "", ""},
		{"text is blank", "text/plain", "", " \r\n\t"},
		{"text is a BOM", "text/plain", "", "\xEF\xBB\xBF"},
		{"form is empty", formType, "", ""},
		{"form prompt is empty", formType, "", "prompt=&a=b"},
		{"form prompt is blank", formType, "", "prompt=+%0A"},
		{"multipart without parts", partType, "", "--b--\r\n"},
		{"multipart empty", partType, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := calls.ReadPrompt(requestOf(c.contentType, c.query, c.body))
			require.NoError(t, err)
			got.Text = strings.TrimSpace(got.Text)
			require.Equal(t, calls.Prompt{}, got)
		})
	}
}

func TestUnsupported(t *testing.T) {
	for _, c := range []struct {
		name   string
		header http.Header
		code   string
	}{
		{"image", http.Header{"Content-Type": {"image/png"}}, "unsupported_media_type"},
		{"bytes", http.Header{"Content-Type": {"application/octet-stream"}}, "unsupported_media_type"},
		{"JSON that is no application", http.Header{"Content-Type": {"model/gltf+json"}}, "unsupported_media_type"},
		{"another multipart", http.Header{"Content-Type": {"multipart/mixed; boundary=b"}}, "unsupported_media_type"},
		{"no slash", http.Header{"Content-Type": {"json"}}, "unsupported_media_type"},
		{"malformed", http.Header{"Content-Type": {"application/json; charset"}}, "unsupported_media_type"},
		{"malformed name", http.Header{"Content-Type": {"/"}}, "unsupported_media_type"},
		{"two types", http.Header{"Content-Type": {"application/json", "application/json"}}, "unsupported_media_type"},
		{"two types in one", http.Header{"Content-Type": {"application/json, text/plain"}}, "unsupported_media_type"},
		{"unknown charset", http.Header{"Content-Type": {"text/plain; charset=klingon"}}, "unsupported_media_type"},
		{"charset that hides text", http.Header{"Content-Type": {"text/plain; charset=iso-2022-kr"}}, "unsupported_media_type"},
		{"identity and compress", http.Header{"Content-Encoding": {"identity", "compress"}}, "unsupported_encoding"},
		{"gzip, aes128gcm", http.Header{"Content-Encoding": {"gzip, aes128gcm"}}, "unsupported_encoding"},
		{"four encodings", http.Header{"Content-Encoding": {"gzip, gzip, gzip, gzip"}}, "unsupported_encoding"},
	} {
		t.Run(c.name, func(t *testing.T) {
			template := parseTemplate(t, "x")
			r := &calls.Request{Header: c.header, Body: []byte(`{"prompt":"Hi"}`)}
			_, ofRead := calls.ReadPrompt(r)
			_, ofTemplate := template.Prompt(clients.Client{}, r, 100)
			for _, err := range []error{calls.CheckContentType(c.header), ofRead, ofTemplate} {
				found := problem.Of(err)
				require.Equal(t, problem.Unsupported, found.Kind, err)
				require.Equal(t, c.code, found.Code)
				if c.code == "unsupported_media_type" {
					require.Contains(t, found.Detail, "application/json, text/plain, application/x-www-form-urlencoded or multipart/form-data")
				}
			}
		})
	}
	require.NoError(t, calls.CheckContentType(http.Header{"Content-Encoding": {"Identity"}, "Content-Type": {""}}))
}

// TestBombs: what is made to be expensive is refused quickly, with memory in proportion to what was sent.
func TestBombs(t *testing.T) {
	const size = 2 << 20
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	for name, r := range map[string]*calls.Request{
		"parts":            requestOf(partType, "", fill("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n")),
		"empty parts":      requestOf(partType, "", fill("--b\r\n\r\n\r\n")),
		"headers":          requestOf(partType, "", "--b\r\n"+fill("A: b\r\n")),
		"one header":       requestOf(partType, "", "--b\r\nA: "+fill("b")),
		"continued header": requestOf(partType, "", "--b\r\nA: b\r\n"+fill(" c\r\n")),
		"boundaries":       requestOf(partType, "", fill("--b ")),
		"dashes":           requestOf(partType, "", fill("-")),
		"almost":           requestOf(partType, "", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n"+fill("\r\n--bb")),
		"fields":           requestOf(formType, "", fill("a=1&")),
		"ampersands":       requestOf(formType, "", "="+fill("&")),
		"lists":            requestOf(jsonType, "", fill("[")),
		"objects":          requestOf(jsonType, "", fill(`{"":`)),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := calls.ReadPrompt(r)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if !slices.Contains([]string{"ampersands", "one header", "continued header"}, name) { // which bring no prompt
				require.Equal(t, problem.Invalid, problem.Of(err).Kind, err)
			}
			require.Less(t, took, 5*time.Second)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16*size))
		})
	}
}
