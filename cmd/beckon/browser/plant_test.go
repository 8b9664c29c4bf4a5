// Package browser_test walks through the admin page in a real Chromium, on the real binary.
package browser_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const patience = 30 * time.Second

// workshop is where the binary is built, and axe is installed.
var workshop string

func TestMain(m *testing.M) {
	var err error
	if workshop, err = os.MkdirTemp("", "beckon-browser"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(workshop)
	os.Exit(code)
}

var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workshop, "beckon")
	out, err := exec.Command("go", "build", "-o", path, "beckon/cmd/beckon").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// modules is where npm has put what the pages of the tests need, as package-lock.json has it.
var modules = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(workshop, name), text, 0o600); err != nil {
			return "", err
		}
	}
	if out, err := exec.Command("npm", "ci", "--prefix", workshop, "--no-progress", "--loglevel=error").CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w: %s", err, out)
	}
	return filepath.Join(workshop, "node_modules"), nil
})

// module returns a file that npm has put there.
func module(t testing.TB, path string) string {
	folder, err := modules()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(path)))
	require.NoError(t, err)
	return string(text)
}

// gateway is the real binary.
type gateway struct {
	t        testing.TB
	url      string
	password string
	folder   string
	output   *lockedText
}

var (
	listeningLine = regexp.MustCompile(`msg=listening address=\S+:(\d+)`)
	passwordLine  = regexp.MustCompile(`its password is\s+(\S+)\s`)
)

// start begins a gateway in an empty folder, with a configuration file unless it is empty, and waits until it is ready.
func start(t testing.TB, config string) *gateway {
	binary, err := built()
	require.NoError(t, err)
	g := &gateway{t: t, folder: t.TempDir(), output: &lockedText{}}
	args := []string{"serve"}
	if config != "" {
		require.NoError(t, os.WriteFile(filepath.Join(g.folder, "config.yaml"), []byte(config), 0o600))
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = g.folder, g.output, g.output
	cmd.Env = g.environ("BECKON_SERVER_ADDRESS=127.0.0.1:0")
	require.NoError(t, cmd.Start())
	dead := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(dead)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-dead:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-dead
		}
	})
	require.Eventually(t, func() bool {
		m := listeningLine.FindStringSubmatch(g.output.String())
		if m == nil {
			return false
		}
		g.url = "http://localhost:" + m[1] // as it is printed
		response, err := http.Get(g.url + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == 200
	}, patience, 20*time.Millisecond, "%v", g.output)
	if strings.Contains(config, "password:") {
		return g
	}
	require.Eventually(t, func() bool { // it is printed before the gateway answers, and may be read after that
		m := passwordLine.FindStringSubmatch(g.output.String())
		if m != nil {
			g.password = m[1]
		}
		return m != nil
	}, patience, 5*time.Millisecond, "%v", g.output)
	return g
}

// environ leaves out what a developer has set: proxies, keys of vendors.
func (g *gateway) environ(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.folder}, more...)
}

// browser is a tab of a Chromium that has never been anywhere.
type browser struct {
	t       testing.TB
	ctx     context.Context
	gateway *gateway

	mu      sync.Mutex
	printed []string // on the console
	bytes   int64    // transferred since they were last asked for
	loading map[network.RequestID]bool
}

func open(t testing.TB, g *gateway) *browser {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("no-proxy-server", true), chromedp.WindowSize(1280, 900),
		chromedp.WSURLReadTimeout(patience))
	allocating, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocating)
	t.Cleanup(closeTab)
	b := &browser{t: t, ctx: ctx, gateway: g, loading: map[network.RequestID]bool{}}
	require.NoError(t, chromedp.Do(ctx)) // starts it
	require.NoError(t, chromedp.Listen(ctx, b.hear))
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	return b
}

// call sends a command of the protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	require.NoError(b.t, err)
	return result
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		b.printed = append(b.printed, fmt.Sprintf("%s %+v", e.Type, e.Args))
	case *runtime.EventExceptionThrown:
		b.printed = append(b.printed, fmt.Sprintf("%+v", e.ExceptionDetails))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelVerbose {
			return // hints that a console shows only to those who ask for them
		}
		b.printed = append(b.printed, fmt.Sprintf("%s %v", e.Entry.Text, e.Entry.URL))
	case *network.EventRequestWillBeSent:
		if string(e.RequestID) == string(e.LoaderID) { // another page: what becomes of the last one's requests may never be told
			clear(b.loading)
		}
		b.loading[e.RequestID] = true
	case *network.EventLoadingFailed:
		delete(b.loading, e.RequestID)
	case *network.EventLoadingFinished:
		delete(b.loading, e.RequestID)
		b.bytes += int64(e.EncodedDataLength)
	}
}

// settled waits until the page has loaded all that it asks for.
func (b *browser) settled() {
	b.t.Helper()
	b.until(`document.readyState === "complete"`)
	require.Eventually(b.t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.loading) == 0
	}, patience, 5*time.Millisecond, "something goes on loading")
}

// value returns the value of a field. It asks once: a field that is looked up first may be replaced before it is read.
func (b *browser) value(selector string) string {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)", selector))
	return get(b, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).value", selector)))
}

// get takes a step that has a result, and fails the test with what the page shows when it does not come about.
func get[T any](b *browser, step chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, step)
	if err != nil {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		text, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
		require.NoError(b.t, err, "at %s, which shows:\n%s\n%s", at, text, b.gateway.output)
	}
	return result
}

// do takes steps that have none.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, step := range steps {
		get(b, step)
	}
}

// visit opens a page.
func (b *browser) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.gateway.url+path), chromedp.WaitReady(chromedp.CSS("body")))
}

// login logs in from wherever the browser is.
func (b *browser) login(password string) {
	b.t.Helper()
	b.visit("/admin/login")
	b.fill("#password", password)
	b.do(chromedp.Submit(chromedp.CSS("#password")))
}

// fill types into a field that may have something in it.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// ownID types an ID of one's own into the form of a new resource, where it is folded.
func (b *browser) ownID(id string) {
	b.t.Helper()
	if !get(b, chromedp.Evaluate[bool](`document.querySelector(".own-id").open`)) {
		b.press(".own-id > summary")
	}
	b.fill(`input[name="id"]`, id)
}

// write types into a field of many lines that is empty, which Clear does not take.
func (b *browser) write(selector, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// press clicks on an element.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// tick ticks a box, or a choice, unless it is ticked already.
func (b *browser) tick(selector string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	if !get(b, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q).checked", selector))) {
		b.press(selector)
	}
}

// click clicks on the first link or button of the page that is written so.
func (b *browser) click(text string) {
	b.t.Helper()
	path := chromedp.Search(fmt.Sprintf(`//main//*[self::a or self::button or self::summary][contains(normalize-space(.), %q)]`, text))
	b.do(chromedp.WaitVisible(path), chromedp.ScrollIntoView(path), chromedp.Click(path))
}

// until waits until an expression is true.
func (b *browser) until(expression string) {
	b.t.Helper()
	// What htmx has put into the page hears nothing until it has settled.
	settled := `!document.querySelector(".htmx-added, .htmx-settling, .htmx-swapping")`
	ok := false
	for deadline := time.Now().Add(patience); !ok && time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		var err error
		if ok, err = chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+") && "+settled)); err != nil || !ok {
			time.Sleep(20 * time.Millisecond) // a page that is on its way has nothing to ask yet
		}
		cancel()
	}
	if !ok {
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		text, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
		require.True(b.t, ok, "%s never came true at %s, which shows:\n%s\n%s", expression, at, text, b.gateway.output)
	}
}

// shows waits until the page has a text.
func (b *browser) shows(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.body && document.body.innerText.includes(%q)", text))
}

// title waits for the page with a title, and until its scripts listen.
func (b *browser) title(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.readyState === 'complete' && document.querySelector('h1') && document.querySelector('h1').innerText.includes(%q)", text))
}

// onRun waits for the page of a run, which is called by what was asked.
func (b *browser) onRun() {
	b.t.Helper()
	b.until(`document.readyState === "complete" && document.querySelector("#run .heading .id")`)
}

// requireQuiet fails when a page has printed something on the console.
func (b *browser) requireQuiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.printed)
}

// forget waits until the console has printed a text, and lets it begin anew: a status of 4xx is printed by the browser itself.
func (b *browser) forget(text string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !strings.Contains(strings.Join(b.printed, "\n"), text) {
			return false
		}
		b.printed = nil
		return true
	}, patience, 5*time.Millisecond, "the console never said %q", text)
}

// dark switches the scheme of colours.
func (b *browser) dark(on bool) {
	value := "light"
	if on {
		value = "dark"
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
}

// screenshot keeps the whole page in the folder that BECKON_SCREENSHOTS names, if it is set.
func (b *browser) screenshot(name string) {
	folder := os.Getenv("BECKON_SCREENSHOTS")
	if folder == "" {
		return
	}
	picture := get(b, chromedp.FullScreenshot(100))
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644))
}

// lockedText is a text that a process writes while others read it.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
