package calls

import (
	"context"

	"beckon/clients"
	"beckon/commands"
	"beckon/internal/problem"
	"beckon/runs"
)

// Channel is a way by which calls arrive: how they are authenticated, how their prompts are made, and what they are
// answered. Vendors that call webhooks, such as GitHub, have no Channel of their own: each is a senders.Sender, and
// their calls arrive by Webhook.
type Channel struct {
	Source string // the Source of its runs, such as runs.SourceWebhook
	// Queues says that runs are queued, unless the caller asks to wait or for a stream.
	Queues bool

	// Verify authenticates the request, and returns its client or an error. It may call ReadBody. A client that does
	// not exist and wrong credentials must lead to the same error after the same time, unless the caller is signed in.
	Verify func(ctx context.Context, all *clients.Set, r *Request) (*clients.Member, error)
	// Check looks at a request whose body has been read, and may set the Answer of one that starts no run. Nil checks
	// nothing.
	Check func(ctx context.Context, c *Call) error
	// Prompt makes the prompt of a request whose body has been read. maxBytes limits the output of a template.
	Prompt func(client *clients.Member, all commands.Set, r *Request, maxBytes int) (Prompt, error)
	// Reply returns the body of the response for a completed run, and its Content-Type. If that is empty, the response
	// is the JSON document of the run.
	Reply func(r *Request, run *runs.Run) (contentType, text string)
}

// The channels that every gateway has. Others, such as schedule, are used by this package only.
var (
	// Webhook is for systems that call a client's webhook. The client says how they authenticate (Client.Auth).
	Webhook = &Channel{
		Source: runs.SourceWebhook,
		Verify: verifyWebhook,
		Prompt: promptOfWebhook,
		Reply:  negotiateReply,
	}
	// API is for programs that call the runs API with a client's bearer token.
	API = &Channel{
		Source: runs.SourceAPI,
		Queues: true,
		Verify: verifyToken,
		Prompt: promptForRun,
		Reply:  negotiateReply,
	}
	// Page is for people who are signed in and try a client on its page. They need no token of it.
	Page = &Channel{Source: runs.SourcePage, Verify: trustClientID, Prompt: promptOfWebhook, Reply: negotiateReply}
	// Form is for visitors of web pages, who send a client's form. They prove nothing but that they know its public
	// key.
	Form = &Channel{
		Source: runs.SourceForm,
		Queues: true,
		Verify: verifyForm,
		Check:  checkForm,
		Prompt: promptOfForm,
		Reply:  negotiateReply,
	}
)

// Unauthorized refuses a call of a client's webhook. It is the same for a missing token, a wrong one and a client that
// does not exist, so that nobody finds out which clients there are.
var Unauthorized = problem.New(problem.Unauthenticated, problem.CodeUnauthorized,
	"The call is not authenticated as its client requires, or there is no such client. "+
		"The page Refused of the console says what is missing.")

// InvalidToken is Unauthorized for routes without a client in their path.
var InvalidToken = problem.New(problem.Unauthenticated, problem.CodeUnauthorized,
	"The call needs a client's token: Authorization: Bearer mgc_… . None was sent, or it does not belong to a client.")

func verifyToken(_ context.Context, all *clients.Set, r *Request) (*clients.Member, error) {
	client := all.ByToken(BearerToken(r.Header))
	if client == nil {
		return nil, InvalidToken
	}
	return client, nil
}

// trustClientID returns the client that the request names, without a proof.
func trustClientID(_ context.Context, all *clients.Set, r *Request) (*clients.Member, error) {
	client := all.Get(r.ClientID)
	if client == nil || client.Unusable {
		return nil, problem.New(problem.Unprocessable, problem.CodeClientUnusable,
			"The client %q is not active. Its page says why.", r.ClientID)
	}
	return client, nil
}

// callWebhook is the advice in errors of calls whose prompt comes from the client's template.
const callWebhook = "Call the client's webhook, over whose body the template is rendered: " +
	"with Prefer: respond-async it answers at once, and you read the run later."

// promptForRun reads the prompt of a request to the runs API. Only a client with passthrough and without a template may
// bring a prompt. A client with passthrough and a template gets a blank one, since there is no webhook call to render
// the template over; Service.prompt then takes the client's or the agent's.
func promptForRun(client *clients.Member, all commands.Set, r *Request, _ int) (Prompt, error) {
	p, err := ReadRunPrompt(r)
	switch {
	case err != nil:
		return Prompt{}, err
	case client.Passthrough && client.PromptTemplate == nil:
		return p, nil
	case !isBlank(p.Text) && client.Passthrough:
		return Prompt{}, problem.New(problem.Denied, problem.CodePromptNotAllowed,
			"The prompt of this client comes from its template, and a run cannot bring another one. "+callWebhook)
	case !isBlank(p.Text):
		return Prompt{}, problem.New(problem.Denied, problem.CodePromptNotAllowed,
			"The prompt of this client comes from its command or its own prompt, and a run cannot bring another one. "+
				"Leave out input, prompt and all members of your own.")
	case client.Passthrough:
		return p, nil
	}
	err = useStoredPrompt(client, all, &p)
	return p, err
}
