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
	_, job, err := readComponent()
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
		text, err := jwt.Signed(signer).Claims(map[string]any{"iss": issuer.URL, "aud": audience, "sub": "repo:acme/shop", "repository": "acme/shop",
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
	runPipeline(ts, neg, env, "bash", "--noprofile", "--norc", "-eo", "pipefail", ts.MkAbs("run.sh"))
}

// runComponent runs the job of the component as a runner of GitLab does.
func runComponent(ts *testscript.TestScript, neg bool, args []string) {
	defaults, job, err := readComponent()
	ts.Check(err)
	inputs, env := given(ts, args, defaults)
	env = append(env, "GITLAB_CI=true", "CI_PROJECT_PATH=acme/shop", "CI_COMMIT_SHA=0123abc", "CI_JOB_ID=7", "BECKON_ID_TOKEN="+ts.Getenv("ID_TOKEN"))
	for name, value := range job.Variables {
		env = append(env, name+"="+expand(ts, gitlabInput, value, inputs))
	}
	ts.Check(os.WriteFile(ts.MkAbs("run.sh"), []byte(strings.Join(job.Script, "\n")), 0o600))
	runPipeline(ts, neg, env, "sh", "-e", ts.MkAbs("run.sh"))
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

func runPipeline(ts *testscript.TestScript, neg bool, env []string, name string, args ...string) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), env
	log, err := os.Create(ts.MkAbs("log"))
	ts.Check(err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Run()
	out := ts.ReadFile("log")
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	ts.Check(os.WriteFile(ts.MkAbs("last"), []byte(lines[len(lines)-1]+"\n"), 0o600))
	if (err != nil) != neg {
		ts.Fatalf("it ended with %v:\n%s", err, out)
	}
}

type componentJob struct {
	Variables map[string]string
	Script    []string
	IDTokens  map[string]struct{ Aud string } `yaml:"id_tokens"`
}

// readComponent reads the two documents of the component: the defaults of its inputs, and its job.
func readComponent() (defaults map[string]string, job componentJob, err error) {
	file, err := os.Open(componentFile)
	if err != nil {
		return nil, job, err
	}
	defer file.Close()
	var head struct {
		Spec struct {
			Inputs map[string]struct{ Default any }
		}
	}
	var jobs map[string]componentJob
	documents := yaml.NewDecoder(file)
	if err = documents.Decode(&head); err == nil {
		err = documents.Decode(&jobs)
	}
	defaults = map[string]string{}
	for name, input := range head.Spec.Inputs {
		defaults[name] = ""
		if input.Default != nil {
			defaults[name] = fmt.Sprint(input.Default)
		}
	}
	return defaults, jobs["$[[ inputs.job ]]"], err
}
