package calls

import (
	"context"

	"beckon/clients"
	"beckon/commands"
	"beckon/internal/problem"
	"beckon/runs"
)

// Sender is one kind of caller: how it proves who it is, what it asks for, and what it wants to hear.
type Sender struct {
	Source string // of its runs: runs.SourceWebhook
	// Queues says that runs go through the queue unless the caller asks to wait or to read along.
	Queues bool

	// Verify returns the client that the request proves to come from, else an error. It may call ReadBody. For callers
	// without a session it must take the same time, and return the same error, for a client that does not exist and for a
	// wrong proof.
	Verify func(ctx context.Context, all *clients.Set, r *Request) (*clients.Member, error)
	// Prompt makes the prompt of a request whose body has been read. maxBytes bounds what a template may make of it.
	Prompt func(client *clients.Member, all commands.Set, r *Request, maxBytes int) (Prompt, error)
	// Reply says how the caller is told of a completed run: with this text of this Content-Type. An empty Content-Type
	// means the JSON document of the run.
	Reply func(r *Request, run *runs.Run) (contentType, text string)
}

// The senders that every gateway has.
var (
	// Webhook is for systems that call a client's URL: with a proof that the client takes, and with any body that Beckon or
	// the client's source understands.
	Webhook = &Sender{Source: runs.SourceWebhook, Verify: verifyWebhook, Prompt: promptOfWebhook, Reply: acceptedReply}
	// API is for programs that start runs of the client whose bearer token they have.
	API = &Sender{Source: runs.SourceAPI, Queues: true, Verify: verifyToken, Prompt: promptForRun, Reply: acceptedReply}
	// Page is for people who are signed in: they try a client without its token.
	Page = &Sender{Source: runs.SourcePage, Verify: trustClientID, Prompt: promptOfWebhook, Reply: acceptedReply}
)

// Unauthorized is the one answer for all who prove nothing at a client's URL: no token, a wrong one, no such client.
var Unauthorized = problem.New(problem.Unauthenticated, problem.CodeUnauthorized,
	"The call needs a proof that this client takes, such as its token: Authorization: Bearer mgc_… . Either the client does not exist or the proof is not good. "+
		"The page Refused says what was tried.")

// InvalidToken is the same where the address names no client.
var InvalidToken = problem.New(problem.Unauthenticated, problem.CodeUnauthorized,
	"The call needs a client's token: Authorization: Bearer mgc_… . None was sent, or it is no client's.")

func verifyToken(_ context.Context, all *clients.Set, r *Request) (*clients.Member, error) {
	client := all.ByToken(BearerToken(r.Header))
	if client == nil {
		return nil, InvalidToken
	}
	return client, nil
}

func trustClientID(_ context.Context, all *clients.Set, r *Request) (*clients.Member, error) {
	client := all.Get(r.ClientID)
	if client == nil || client.Unusable {
		return nil, problem.New(problem.Unprocessable, problem.CodeClientUnusable, "The client %q is not in force. Its page says why.", r.ClientID)
	}
	return client, nil
}

func promptForRun(client *clients.Member, all commands.Set, r *Request, _ int) (Prompt, error) {
	p, err := ReadRunPrompt(r)
	switch {
	case err != nil:
		return Prompt{}, err
	case client.Passthrough && client.PromptTemplate == nil:
		return p, nil
	case !isBlank(p.Text):
		return Prompt{}, problem.New(problem.Denied, problem.CodePromptNotAllowed, "This client's prompts come from its command or its template. Leave input and prompt out, with any members of your own, "+
			"or call its webhook, with Prefer: respond-async for a run to come back for.")
	case client.Passthrough:
		return p, nil
	}
	err = runCommand(client, all, &p)
	return p, err
}
