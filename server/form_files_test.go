package server_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/artifacts"
	"beckon/calls/forms"
	"beckon/clients"
)

// visitorFile is a file that a visitor of a page sends.
type visitorFile struct{ field, name, mediaType, content string }

// sendFiles sends a form with files as a browser does.
func (g *gateway) sendFiles(list []visitorFile, headers ...string) answer {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range goodForm() {
		require.NoError(g.t, w.WriteField(name, values[0]))
	}
	for _, f := range list {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + f.field + `"; filename="` + f.name + `"`}, "Content-Type": {f.mediaType}}
		part, err := w.CreatePart(header)
		require.NoError(g.t, err)
		_, err = io.WriteString(part, f.content)
		require.NoError(g.t, err)
	}
	require.NoError(g.t, w.Close())
	return g.sendBody(body.String(), append([]string{"-Authorization", "Origin: " + formOrigin, "Content-Type: " + w.FormDataContentType()}, headers...)...)
}

// formWithFiles is a gateway whose form takes one photo and some documents.
func formWithFiles(t *testing.T, change func(*clients.Client)) *gateway {
	return formGateway(t, func(c *clients.Client) {
		c.Form.Fields["photo"] = forms.Field{Type: forms.File, Max: 500_000}
		c.Form.Fields["papers"] = forms.Field{Type: forms.File, Multiple: true}
		if change != nil {
			change(c)
		}
	})
}

const onePixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"

// zipHead begins a zip of one photo.
const zipHead = "PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04\x00\x00\x10\x00\x00\x00\x10\x00\x09\x00\x00\x00photo.jpg"

func TestFilesOfAForm(t *testing.T) {
	g := formWithFiles(t, nil)
	a := g.sendFiles([]visitorFile{
		{"photo", "shed.txt", "text/plain", onePixel}, // which lies about its type
		{"papers", "plan.txt", "application/octet-stream", "One shed.\r\nemail: other@example.com"},
		{"papers", "größe.csv", "text/csv", "Gr\xf6\xdfe;3 m"},
		{"papers", "../../offer.pdf", "image/png", "%PDF-1.7\n\x00\x01"},
		{"papers", "page.png", "image/png", "<html><script>alert(1)</script></html>"},
		{"papers", "empty.doc", "application/msword", ""},
		{"unknown", "left-out.zip", "application/zip", "PK\x03\x04"},
	})
	require.Equal(t, "{\"ok\":true}\n", a.body)
	run := g.formRun()
	var kinds []string
	for _, u := range run.Uploads {
		kinds = append(kinds, u.Name+" "+u.MediaType)
	}
	require.Equal(t, []string{"shed.txt image/png", "plan.txt text/plain", "größe.csv text/plain", "offer.pdf application/pdf", "page.png text/html", "empty.doc text/plain"}, kinds)
	require.Empty(t, run.Artifacts, "what is told of as made was made by the agent")
	const fields = "email: ada@example.com\nmessage: Do you build sheds?\n" +
		"papers: plan.txt (text/plain, 35 bytes), größe.csv (text/plain, 9 bytes), offer.pdf (application/pdf, 11 bytes), page.png (text/html, 38 bytes), empty.doc (text/plain, 0 bytes)\n" +
		"photo: shed.txt (image/png, 29 bytes)"
	const texts = "\n\nThe text of the file plan.txt (papers):\n  One shed.\n  email: other@example.com" +
		"\n\nThe text of the file größe.csv (papers):\n  Größe;3 m" +
		"\n\nThe text of the file page.png (papers):\n  <html><script>alert(1)</script></html>"
	require.True(t, strings.HasSuffix(run.Input, fields+texts), run.Input)
	require.Equal(t, run.Input, untrustedMarker.ReplaceAllString(<-g.model.asked, ""), "the model sees it in markers")
	require.Equal(t, "data:image/png;base64,"+base64.StdEncoding.EncodeToString([]byte(onePixel)), <-g.model.shown)
	require.Empty(t, g.model.shown)
	require.Contains(t, string(run.Metadata), `"photo":"shed.txt (image/png, 29 bytes)"`)
	requireFileCount(t, g, 6)
}

var untrustedMarker = regexp.MustCompile(`</?untrusted-[0-9a-z]+>`)

// A template says itself what it prints of the files.
func TestATemplateHasTheFilesOfAForm(t *testing.T) {
	file := []visitorFile{{"papers", "plan.txt", "text/plain", "One shed."}}
	for template, input := range map[string]string{
		"{{ range .files }}{{ .field }}: {{ .name }}, {{ .mediaType }}, {{ .bytes }}, {{ .text }}{{ end }}": "papers: plan.txt, text/plain, 9, One shed.",
		"{{ .body.message }} {{ .body.papers }}":                                                            "Do you build sheds? plan.txt (text/plain, 9 bytes)\n\nThe text of the file plan.txt (papers):\n  One shed.",
	} {
		g := formWithFiles(t, func(c *clients.Client) { c.Template = template })
		require.Equal(t, http.StatusOK, g.sendFiles(file).StatusCode)
		require.Equal(t, input, g.formRun().Input)
	}
	g := formWithFiles(t, func(c *clients.Client) { c.Template = "{{ len .files }} files" })
	require.Equal(t, http.StatusOK, g.send(goodForm()).StatusCode)
	require.Equal(t, "0 files", g.formRun().Input)
}

// A form without fields of its own takes files, too; one without a field for files stores none.
func TestWhichFormsTakeFiles(t *testing.T) {
	file := []visitorFile{{"message", "a.zip", "application/zip", "PK\x03\x04\x00"}}
	g := formGateway(t, func(c *clients.Client) { c.Form.Fields = nil })
	require.Equal(t, http.StatusOK, g.sendFiles([]visitorFile{{"any", "a.zip", "application/zip", "PK\x03\x04\x00"}}).StatusCode)
	require.Len(t, g.formRun().Uploads, 1)
	require.Equal(t, http.StatusUnprocessableEntity, g.sendFiles(file).StatusCode, "a field has texts or files")
	for name, g := range map[string]*gateway{"no field for files": formGateway(t, nil), "another field": formWithFiles(t, nil)} {
		a := g.sendFiles(file)
		require.Equal(t, http.StatusUnprocessableEntity, a.StatusCode, name)
		require.Contains(t, a.body, "This value cannot be read.")
		requireFileCount(t, g, 0)
	}
}

// A form that is refused, or starts nothing, leaves no file behind.
func TestRefusedFilesOfForms(t *testing.T) {
	paper := visitorFile{"papers", "plan.txt", "text/plain", "One shed."}
	many := make([]visitorFile, 11)
	for i := range many {
		many[i] = paper
	}
	for name, c := range map[string]struct {
		files  []visitorFile
		change func(*clients.Client)
		status int
		says   string
	}{
		"too many":                     {files: many, status: 413, says: "too large"},
		"larger than a file may be":    {files: []visitorFile{{"papers", "a.zip", "application/zip", "PK\x03\x04" + strings.Repeat("x", 1<<20)}}, status: 413, says: "smaller files"},
		"larger than its field may be": {files: []visitorFile{{"photo", "a.png", "image/png", onePixel + strings.Repeat("x", 500_000)}}, status: 422, says: "at most 500000 bytes"},
		"two where one may be":         {files: []visitorFile{{"photo", "a.png", "image/png", onePixel}, {"photo", "b.png", "image/png", onePixel}}, status: 422, says: "one value only"},
		"required":                     {files: []visitorFile{paper}, change: func(c *clients.Client) { c.Form.Fields["photo"] = forms.Field{Type: forms.File, Required: true} }, status: 422, says: "fill in"},
		"the honeypot":                 {files: []visitorFile{paper}, change: func(c *clients.Client) { delete(c.Form.Fields, "message"); c.Form.Honeypot = "message" }, status: 200, says: `{"ok":true}`},
		"a filter":                     {files: []visitorFile{paper}, change: func(c *clients.Client) { c.Filter = "false" }, status: 200, says: `{"ok":true}`},
		"a challenge":                  {files: []visitorFile{paper}, change: func(c *clients.Client) { c.Form.Challenge = forms.Altcha }, status: 503, says: "try again"},
	} {
		t.Run(name, func(t *testing.T) {
			g := formWithFiles(t, c.change)
			a := g.sendFiles(c.files)
			require.Equal(t, c.status, a.StatusCode, a.body)
			require.Contains(t, a.body, c.says)
			require.Zero(t, g.countRuns())
			requireFileCount(t, g, 0)
		})
	}
}

// A zip of 25 MiB is stored as it arrives: it is neither unpacked nor held in memory. Of a long text the prompt has the beginning.
func TestLargeFilesOfForms(t *testing.T) {
	g := formWithFiles(t, nil)
	g.kept.MaxBytes = artifacts.DefaultMaxBytes
	const before = "--b\r\nContent-Disposition: form-data; name=email\r\n\r\nada@example.com\r\n--b\r\nContent-Disposition: form-data; name=message\r\n\r\nHi\r\n" +
		"--b\r\nContent-Disposition: form-data; name=papers; filename=a.zip\r\nContent-Type: text/plain\r\n\r\n" + zipHead
	r := g.request("/f/"+formKey, "", "-Authorization", "Origin: "+formOrigin, formHeader)
	r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(before), &silence{artifacts.DefaultMaxBytes - int64(len(zipHead))}, strings.NewReader("\r\n--b--\r\n"))), -1
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	a := g.do(r)
	runtime.ReadMemStats(&end)
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	allocated := int64(end.TotalAlloc - start.TotalAlloc)
	t.Logf("allocated in all %d KiB", allocated>>10)
	require.Less(t, allocated, int64(10<<20))
	require.Contains(t, g.formRun().Input, "papers: a.zip (application/zip, "+strconv.Itoa(artifacts.DefaultMaxBytes)+" bytes)")

	g = formWithFiles(t, nil)
	long := strings.Repeat("ä line of text\n", 40_000)
	require.Equal(t, http.StatusOK, g.sendFiles([]visitorFile{{"papers", "log.txt", "text/plain", long}, {"papers", "more.txt", "text/plain", "not shown"}}).StatusCode)
	input := g.formRun().Input
	require.Less(t, len(input), 50_000)
	require.Contains(t, input, "The text of the file log.txt (papers):\n  ä line of text\n  ä line")
	require.Contains(t, input, "\n  … (cut; the file has "+strconv.Itoa(len(long))+" bytes)")
	require.NotContains(t, input, "\uFFFD")
	require.NotContains(t, input, "not shown")
}
