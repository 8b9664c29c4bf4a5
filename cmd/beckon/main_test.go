package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"beckon/internal/freeport"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"beckon": main}) }

// TestScripts runs the real binary as its users do. Beside testscript's own commands there are:
//
//	gateway [ARG...]   starts beckon serve and waits until it is ready; its output goes to serve.out and serve.err
//	shutdown            ends it with SIGTERM and wants exit code 0
//	crash              ends it with SIGKILL
//	answered_are_kept FILE DB   wants every run that an answer in FILE names to be in DB, COMPLETED
//	eventually CMD...  runs a command until it succeeds
//	promptly DURATION  wants the fastest of the script's eventually to have taken no longer: a busy machine holds up one or
//	                   another of them, a gateway that is too slow holds up all
//	postgres           makes an empty PostgreSQL database and puts its URL into $POSTGRES
//	pasted FILE        runs the one line in FILE that begins with curl
//	guide FILE         writes the files that a page of the documentation shows, and what it says to run as run.sh,
//	                   with this test's addresses in place of localhost:8080 and OpenAI's
//	heldmodel          starts one that begins its answer at once, and ends it when there is a file "go"
//	issuer             starts a platform whose jobs have identity tokens, and puts its URL into $ISSUER
//	action, component  run the integrations as the runners of GitHub and GitLab do; what is printed goes to "log" and "last"
//	workflow FILE, include FILE   run a workflow of GitHub with the action, and a pipeline of GitLab with the component
//	model              starts a model server that answers what it was sent, and puts its URL into $MODEL_URL
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"guide": unpackGuide, "model": startModel, "heldmodel": startHeldModel,
			"gateway": startGateway, "shutdown": stopGateway, "crash": crashGateway, "eventually": eventually, "promptly": promptly, "pasted": pasted,
			"answered_are_kept": answeredAreKept,
			"issuer":            startIssuer, "action": runAction, "component": runComponent, "workflow": runWorkflow, "include": runInclude,
			"postgres": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Setenv("POSTGRES", storetest.Postgres(t)) },
		},
	})
}

// process is the gateway of a script.
type process struct {
	*exec.Cmd
	fastest time.Duration // of what was waited for; zero before the first
}

const processKey = "gateway"

func setup(env *testscript.Env) error {
	address, err := freeport.Address()
	if err != nil {
		return err
	}
	env.Setenv("BECKON_SERVER_ADDRESS", address)
	env.Setenv("BECKON_URL", "http://"+address)
	env.Values[processKey] = &process{}
	env.Defer(func() {
		if p := env.Values[processKey].(*process); p.Cmd != nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	return nil
}

func startGateway(ts *testscript.TestScript, neg bool, args []string) {
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if candidate := filepath.Join(dir, "beckon"); path == "" && exists(candidate) {
			path = candidate
		}
	}
	cmd := exec.Command(path, append([]string{"serve"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environ(ts)
	var err error
	cmd.Stdout, err = os.OpenFile(ts.MkAbs("serve.out"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	ts.Check(err)
	cmd.Stderr, err = os.OpenFile(ts.MkAbs("serve.err"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Value(processKey).(*process).Cmd = cmd
	if err := poll(func() error { return probe(ts.Getenv("BECKON_URL") + "/readyz") }); err != nil {
		log, _ := os.ReadFile(ts.MkAbs("serve.err"))
		ts.Fatalf("the gateway did not become ready: %v\n%s", err, log)
	}
}

// environ is what a script has set; the variables that a first start looks for are not inherited.
func environ(ts *testscript.TestScript) (env []string) {
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "BECKON_SERVER_ADDRESS", "BECKON_DATABASE_URL", "BECKON_SERVER_SHUTDOWN_GRACE", "BECKON_LOG_FORMAT", "BECKON_ADMIN_TOKEN", "BECKON_ADMIN_VARIABLES",
		"OPENAI_API_KEY", "CI_TOKEN", "CONTACT_TOKEN", "ALERTMANAGER_TOKEN", "ADMIN_TOKEN", "BACKUP_TOKEN", "OPS_SECRET", "GRAFANA_SECRET", "PAGERDUTY_SECRET", "SENTRY_SECRET", "KUMA_TOKEN",
		"GITHUB_SECRET", "GITLAB_SECRET", "GITEA_SECRET", "BITBUCKET_SECRET", "STRIPE_SECRET", "SHOPIFY_SECRET", "SLACK_SECRET", "LINEAR_SECRET", "JIRA_SECRET", "TWILIO_AUTH_TOKEN",
		"EVENTS_TOKEN", "AZURE_TOKEN", "BECKON_URL", "BECKON_SERVER_ADRESS", "BECKON_EGRESS_HTTPSONLY", "BECKON_KEY_OF_A_PROVIDER"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func stopGateway(ts *testscript.TestScript, neg bool, _ []string) {
	p := ts.Value(processKey).(*process)
	ts.Check(p.Process.Signal(syscall.SIGTERM))
	err := p.Wait()
	p.Cmd = nil
	if err != nil {
		log, _ := os.ReadFile(ts.MkAbs("serve.err"))
		ts.Fatalf("the gateway did not end well: %v\n%s", err, log)
	}
}

func crashGateway(ts *testscript.TestScript, neg bool, _ []string) {
	p := ts.Value(processKey).(*process)
	ts.Check(p.Process.Kill())
	_ = p.Wait()
	p.Cmd = nil
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	begun := time.Now()
	err := poll(func() error {
		err := ts.Exec(args[0], args[1:]...)
		if neg && err == nil {
			return errors.New("it still succeeds")
		}
		if neg {
			return nil
		}
		return err
	})
	if err != nil {
		ts.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	p := ts.Value(processKey).(*process)
	if took := time.Since(begun); p.fastest == 0 || took < p.fastest {
		p.fastest = took
	}
}

func promptly(ts *testscript.TestScript, neg bool, args []string) {
	most, err := time.ParseDuration(args[0])
	ts.Check(err)
	if p := ts.Value(processKey).(*process); p.fastest == 0 || p.fastest > most {
		ts.Fatalf("the fastest took %s", p.fastest)
	}
}

func answeredAreKept(ts *testscript.TestScript, neg bool, args []string) {
	answers := regexp.MustCompile(`"runId":"(run_\w+)"`).FindAllStringSubmatch(ts.ReadFile(args[0]), -1)
	if len(answers) == 0 {
		ts.Fatalf("%s has no answers", args[0])
	}
	s, err := store.Open(context.Background(), "sqlite:"+ts.MkAbs(args[1]), store.Options{}, slog.New(slog.DiscardHandler))
	ts.Check(err)
	defer s.Close()
	for _, a := range answers {
		status, _, err := store.Row[string](s.Read(context.Background()), "SELECT status FROM runs WHERE id = ?", a[1])
		ts.Check(err)
		if status != "COMPLETED" {
			ts.Fatalf("%s was answered and is %q on disk", a[1], status)
		}
	}
	ts.Logf("%d answered calls are on disk", len(answers))
}

func pasted(ts *testscript.TestScript, neg bool, args []string) {
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "curl ") {
			ts.Check(ts.Exec("sh", "-c", line))
			return
		}
	}
	ts.Fatalf("%s has no line that begins with curl", args[0])
}

// patience is how long it is waited for what must come, also on a machine that has much else to do.
const patience = 30 * time.Second

func poll(try func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func probe(url string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
