package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const (
	actionFile    = "../../integrations/github-action/action.yml"
	actionScript  = "../../integrations/github-action/ask.sh"
	componentFile = "../../integrations/gitlab/templates/beckon.yml"
)

// A component is one file, so that it has a copy of the action's script.
func TestTheComponentHasTheScriptOfTheAction(t *testing.T) {
	script, err := os.ReadFile(actionScript)
	require.NoError(t, err)
	_, job, err := readComponent(func(text string) string { return text })
	require.NoError(t, err)
	require.Equal(t, []string{string(script)}, job.Script)
}

// startIssuer is the platform of a CI job: it gives the job an identity token, and publishes the key that signs it. The token is
// for the audience that is asked for.
func startIssuer(ts *testscript.TestScript, neg bool, _ []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	ts.Check(err)
	mux := http.NewServeMux()
	issuer := httptest.NewServer(mux)
	ts.Defer(issuer.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	token := func(audience string) string {
		text, err := jwt.Signed(signer).Claims(map[string]any{"iss": issuer.URL, "aud": audience, "sub": "repo:acme/shop", "repository": "acme/shop", "ref": "refs/tags/v1",
			"iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix()}).Serialize()
		ts.Check(err)
		return text
	}
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer request-token" || r.URL.Query().Get("api-version") != "2.0" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"count": 1, "value": token(r.URL.Query().Get("audience"))})
	})
	ts.Setenv("ISSUER", issuer.URL)
	ts.Setenv("ID_TOKEN", token("beckon"))
}

// runAction runs the step of the action as a runner of GitHub does: action NAME=VALUE... gives the inputs, and NAME=VALUE in capitals
// the environment. What is printed goes to "log", and what the action writes for the runner to "output" and "summary".
func runAction(ts *testscript.TestScript, neg bool, args []string) {
	if actionSucceeds(ts, args) == neg {
		ts.Fatalf("it ended otherwise:\n%s", ts.ReadFile("log"))
	}
}

func actionSucceeds(ts *testscript.TestScript, args []string) bool {
	var action struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Using string
			Steps []struct {
				Shell, Run string
				Env        map[string]string
			}
		}
	}
	text, err := os.ReadFile(actionFile)
	ts.Check(err)
	ts.Check(yaml.Unmarshal(text, &action))
	defaults := map[string]string{}
	for name, input := range action.Inputs {
		defaults[name] = input.Default
	}
	step := action.Runs.Steps[0]
	if action.Runs.Using != "composite" || step.Shell != "bash" || len(action.Runs.Steps) != 1 {
		ts.Fatalf("it is another kind of action")
	}
	path, err := filepath.Abs(filepath.Dir(actionFile))
	ts.Check(err)
	inputs, env := given(ts, args, defaults)
	env = append(env, "GITHUB_ACTIONS=true", "GITHUB_REPOSITORY=acme/shop", "GITHUB_ACTION_PATH="+path, "GITHUB_OUTPUT="+ts.MkAbs("output"), "GITHUB_STEP_SUMMARY="+ts.MkAbs("summary"))
	for name, value := range step.Env {
		env = append(env, name+"="+expand(ts, githubInput, value, inputs))
	}
	ts.Check(os.WriteFile(ts.MkAbs("output"), nil, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("summary"), nil, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("run.sh"), []byte(step.Run), 0o600))
	return succeeds(ts, env, "bash", "--noprofile", "--norc", "-eo", "pipefail", ts.MkAbs("run.sh"))
}

// runComponent runs the job of the component as a runner of GitLab does.
func runComponent(ts *testscript.TestScript, neg bool, args []string) {
	defaults, _, err := readComponent(func(text string) string { return text })
	ts.Check(err)
	inputs, env := given(ts, args, defaults)
	_, job, err := readComponent(func(text string) string { return expand(ts, gitlabInput, text, inputs) })
	ts.Check(err)
	env = append(env, "GITLAB_CI=true", "CI_PROJECT_PATH=acme/shop", "CI_COMMIT_SHA=0123abc", "CI_JOB_ID=7", "BECKON_ID_TOKEN="+ts.Getenv("ID_TOKEN"))
	for name, value := range job.Variables {
		env = append(env, name+"="+strings.ReplaceAll(value, "$$", "$"))
	}
	ts.Check(os.WriteFile(ts.MkAbs("run.sh"), []byte(strings.Join(job.Script, "\n")), 0o600))
	if succeeds(ts, env, "sh", "-e", ts.MkAbs("run.sh")) == neg {
		ts.Fatalf("it ended otherwise:\n%s", ts.ReadFile("log"))
	}
}

var (
	githubInput = regexp.MustCompile(`\$\{\{ inputs\.([a-z-]+) \}\}`)
	gitlabInput = regexp.MustCompile(`\$\[\[ inputs\.([a-z-]+) \]\]`)
)

func expand(ts *testscript.TestScript, pattern *regexp.Regexp, value string, inputs map[string]string) string {
	return pattern.ReplaceAllStringFunc(value, func(reference string) string {
		name := pattern.FindStringSubmatch(reference)[1]
		if _, ok := inputs[name]; !ok {
			ts.Fatalf("there is no input %s", name)
		}
		return inputs[name]
	})
}

// given takes apart what a script gives to a pipeline.
func given(ts *testscript.TestScript, args []string, inputs map[string]string) (map[string]string, []string) {
	env := []string{"PATH=" + os.Getenv("PATH"), "no_proxy=*", "BECKON_POLL=0", "BECKON_WAIT=20"}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch _, known := inputs[name]; {
		case known:
			inputs[name] = value
		case name == strings.ToUpper(name):
			env = append(env, arg)
		default:
			ts.Fatalf("there is no input %s", name)
		}
	}
	return inputs, env
}

// succeeds runs a program. What it prints goes to "log", and the last line of it to "last".
func succeeds(ts *testscript.TestScript, env []string, name string, args ...string) bool {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), env
	log, err := os.Create(ts.MkAbs("log"))
	ts.Check(err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Run()
	lines := strings.Split(strings.TrimRight(ts.ReadFile("log"), "\n"), "\n")
	ts.Check(os.WriteFile(ts.MkAbs("last"), []byte(lines[len(lines)-1]+"\n"), 0o600))
	return err == nil
}

type componentJob struct {
	Variables map[string]string
	Script    []string
	IDTokens  map[string]struct{ Aud string } `yaml:"id_tokens"`
}

// readComponent reads the two documents of the component: the defaults of its inputs, and its job, whose text is expanded as GitLab
// does, before it is read.
func readComponent(expand func(text string) string) (defaults map[string]string, job componentJob, err error) {
	text, err := os.ReadFile(componentFile)
	if err != nil {
		return nil, job, err
	}
	head, body, _ := strings.Cut(string(text), "\n---\n")
	var spec struct {
		Spec struct {
			Inputs map[string]struct{ Default any }
		}
	}
	var jobs map[string]componentJob
	if err = yaml.Unmarshal([]byte(head), &spec); err == nil {
		err = yaml.Unmarshal([]byte(expand(body)), &jobs)
	}
	defaults = map[string]string{}
	for name, input := range spec.Spec.Inputs {
		defaults[name] = ""
		if input.Default != nil {
			defaults[name] = fmt.Sprint(input.Default)
		}
	}
	for _, job = range jobs {
	}
	return defaults, job, err
}

// runWorkflow runs the first job of a workflow of GitHub: workflow FILE NAME=VALUE... Names in capitals are the environment, vars.NAME
// and secrets.NAME what the workflow refers to. What comes from elsewhere, such as actions/checkout, is left out. It ends with the first
// step that fails.
func runWorkflow(ts *testscript.TestScript, neg bool, args []string) {
	var workflow struct {
		Env  map[string]string
		Jobs map[string]struct {
			Permissions map[string]string
			Steps       []struct {
				Uses, Run string
				Env, With map[string]string
			}
		}
	}
	ts.Check(yaml.Unmarshal([]byte(ts.ReadFile(args[0])), &workflow))
	values, env := map[string]string{"github.token": "t"}, []string{}
	for _, arg := range args[1:] {
		if name, value, _ := strings.Cut(arg, "="); strings.Contains(name, ".") {
			values[name] = value
		} else {
			env = append(env, arg)
		}
	}
	evaluate := func(text string) string {
		return regexp.MustCompile(`\$\{\{ ([a-zA-Z._]+) \}\}`).ReplaceAllStringFunc(text, func(reference string) string {
			value, ok := values[strings.Trim(reference, "${} ")]
			if !ok {
				ts.Fatalf("nobody gives %s", reference)
			}
			return value
		})
	}
	if len(workflow.Jobs) != 1 {
		ts.Fatalf("it has %d jobs", len(workflow.Jobs))
	}
	for _, job := range workflow.Jobs {
		own := env
		if job.Permissions["id-token"] == "write" {
			own = append(own, "ACTIONS_ID_TOKEN_REQUEST_URL="+ts.Getenv("ISSUER")+"/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=request-token")
		}
		for i, step := range job.Steps {
			isLast, fails := i == len(job.Steps)-1, false
			switch {
			case step.Run != "":
				all := append([]string{"PATH=" + ts.MkAbs("bin") + ":" + ts.Getenv("WORK") + "/bin:" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, own...)
				for name, value := range step.Env {
					all = append(all, name+"="+evaluate(value))
				}
				ts.Check(os.WriteFile(ts.MkAbs("run.sh"), []byte(evaluate(step.Run)), 0o600))
				fails = !succeeds(ts, all, "bash", "--noprofile", "--norc", "-eo", "pipefail", ts.MkAbs("run.sh"))
			case step.Uses == "./.github/actions/beckon":
				given := own
				for name, value := range step.With {
					given = append(given, name+"="+evaluate(value))
				}
				fails = !actionSucceeds(ts, given)
			default:
				continue
			}
			switch {
			case fails && neg:
				return
			case fails:
				ts.Fatalf("step %d failed:\n%s", i+1, ts.ReadFile("log"))
			case isLast && neg:
				ts.Fatalf("no step failed")
			}
		}
	}
}

// runInclude runs a pipeline of GitLab that includes the component, with the inputs that it gives.
func runInclude(ts *testscript.TestScript, neg bool, args []string) {
	var pipeline struct {
		Include []struct {
			Local  string
			Inputs map[string]any
		}
	}
	ts.Check(yaml.Unmarshal([]byte(ts.ReadFile(args[0])), &pipeline))
	if len(pipeline.Include) != 1 || pipeline.Include[0].Local != "/ci/beckon.yml" {
		ts.Fatalf("it does not include the component")
	}
	for name, value := range pipeline.Include[0].Inputs {
		args = append(args, name+"="+fmt.Sprint(value))
	}
	runComponent(ts, neg, args[1:])
}
