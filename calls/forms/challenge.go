package forms

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/altcha-org/altcha-lib-go"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// The challenges.
const (
	Altcha    = "altcha"
	Turnstile = "turnstile"
	HCaptcha  = "hcaptcha"
)

// solutionField is the field in which each widget puts its solution.
var solutionField = map[string]string{
	Altcha:    "altcha",
	Turnstile: "cf-turnstile-response",
	HCaptcha:  "h-captcha-response",
}

// siteverify are the addresses at which the vendors verify solutions.
var siteverify = map[string]string{
	Turnstile: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
	HCaptcha:  "https://api.hcaptcha.com/siteverify",
}

const (
	challengeTTL = time.Hour // how long a visitor has from the challenge to the form
	maxNumber    = 100_000   // how many numbers a solver tries at most: about a second on a phone
	maxSolution  = 4096      // bytes
)

// Challenges makes and verifies challenges.
type Challenges struct {
	Store *store.Store
	Key   func() (secret.String, error) // of the gateway, from which those of its forms follow
	// Post sends a form to a vendor, and returns the body of a 200. Nil refuses all solutions of vendors.
	Post func(ctx context.Context, url string, form url.Values) ([]byte, error)
	// Siteverify has the address of a vendor where it is not its own.
	Siteverify map[string]string
}

// Puzzle is a challenge of altcha. Its widget reads maxnumber; maxNumber is what altcha's servers write.
type Puzzle struct {
	altcha.Challenge
	MaxNumber int64 `json:"maxnumber"`
}

// New returns a puzzle for a client's form.
func (c *Challenges) New(clientID string) (Puzzle, error) {
	key, err := c.keyOf(clientID)
	if err != nil {
		return Puzzle{}, err
	}
	expires := time.Now().Add(challengeTTL)
	made, err := altcha.CreateChallenge(altcha.ChallengeOptions{HMACKey: key, MaxNumber: maxNumber, Expires: &expires})
	if err != nil {
		return Puzzle{}, fmt.Errorf("make a challenge: %w", err)
	}
	return Puzzle{made, made.MaxNumber}, nil
}

// keyOf signs the puzzles of one client: those of another are not good for it.
func (c *Challenges) keyOf(clientID string) (string, error) {
	material, err := c.Key()
	if err != nil {
		return "", fmt.Errorf("find the key of challenges: %w", err)
	}
	derived, err := hkdf.Key(sha256.New, []byte(material), nil, "beckon form challenges v1 "+clientID, sha256.Size)
	return hex.EncodeToString(derived), err
}

// Use verifies the solution of a form's challenge and uses it up: it is good once.
func (c *Challenges) Use(ctx context.Context, f Form, clientID, solution, address string) error {
	if f.Challenge == "" {
		return nil
	}
	if solution == "" || len(solution) > maxSolution {
		return failed("The form has no solution of its challenge (%s) in the field %s.",
			f.Challenge, solutionField[f.Challenge])
	}
	if f.Challenge != Altcha {
		return c.askVendor(ctx, f, solution, address)
	}
	key, err := c.keyOf(clientID)
	if err != nil {
		return problem.Of(err)
	}
	text, err := base64.StdEncoding.DecodeString(solution)
	var payload altcha.Payload
	if err != nil || json.Unmarshal(text, &payload) != nil || payload.Algorithm != string(altcha.SHA256) {
		return failed("The solution of the challenge cannot be read.")
	}
	if good, err := altcha.VerifySolutionSafe(payload, key, true); err != nil || !good {
		return failed("The solution of the challenge is wrong, or its time is over.")
	}
	unused, err := use(ctx, c.Store, payload.Challenge, time.Now(), challengeTTL)
	if err == nil && !unused {
		err = failed("The solution of the challenge has been used before.")
	}
	return err
}

// askVendor has the vendor verify a solution, which it does once.
func (c *Challenges) askVendor(ctx context.Context, f Form, solution, address string) error {
	at := siteverify[f.Challenge]
	if other := c.Siteverify[f.Challenge]; other != "" {
		at = other
	}
	later := problem.New(problem.Unavailable, problem.CodeChallengeUnavailable,
		"The solution of the challenge cannot be verified now: %s does not answer. Try again later.",
		f.Challenge).After(time.Minute)
	if c.Post == nil {
		return later
	}
	form := url.Values{"secret": {f.Secret.Reveal()}, "response": {solution}, "remoteip": {address}}
	if f.Challenge == HCaptcha && f.SiteKey != "" {
		form.Set("sitekey", f.SiteKey)
	}
	body, err := c.Post(ctx, at, form)
	if err != nil {
		return later.Because(err)
	}
	var answer struct {
		Success bool     `json:"success"`
		Codes   []string `json:"error-codes"`
	}
	switch {
	case json.Unmarshal(body, &answer) != nil:
		return later
	case !answer.Success:
		return failed("%s does not take the solution of the challenge: %.200q.", f.Challenge, answer.Codes)
	}
	return nil
}

func failed(format string, args ...any) error {
	return problem.New(problem.Denied, problem.CodeChallengeFailed, format, args...)
}
