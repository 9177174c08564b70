package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/transports"
	"github.com/corechan/corechan/transports/gateway"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/tls"
)

type gatewayCmd struct {
	Serve   gatewayServeCmd   `cmd:"" help:"Offer raw endpoints under names, to peers over any transport."`
	Connect gatewayConnectCmd `cmd:"" help:"Open what a gateway offers on local ports or sockets."`
	List    gatewayListCmd    `cmd:"" help:"Print what a gateway offers to you, with its counters."`
}

// tlsFlags are files for tls:// and https:// URLs.
type tlsFlags struct {
	TLSCert string `name:"tls-cert" placeholder:"FILE" help:"This side's certificate, PEM, with intermediates behind it. Files are read again when they change."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" help:"The key of --tls-cert, PEM."`
	TLSCA   string `name:"tls-ca" placeholder:"FILE" help:"The roots that the other side's certificate must come from, PEM. Default: the system's; a gateway asks for no certificates then."`
}

func (f *tlsFlags) files() (tls.Files, error) {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return tls.Files{}, fmt.Errorf("%w: --tls-cert and --tls-key go together", errUsage)
	}
	return tls.Files{Cert: f.TLSCert, Key: f.TLSKey, CA: f.TLSCA}, nil
}

// daemonFlags are for what runs until it is interrupted.
type daemonFlags struct {
	Config kong.ConfigFlag `placeholder:"FILE" help:"Read flags from a JSON object: {\"listen\": [\"shm:///run/gw.sock\"], ...}. Flags of the command line go first."`
	Log    string          `enum:"text,json,none" default:"text" placeholder:"FORM" help:"Form of the log on standard error, with a line for each connection: text, json or none. Default: text."`
	JSON   bool            `name:"json" help:"Print the counters at the end as one JSON object."`
}

func (f *daemonFlags) logger(a *app) *slog.Logger {
	switch f.Log {
	case "json":
		return slog.New(slog.NewJSONHandler(a.stderr, nil))
	case "none":
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.stderr, nil))
}

// remoteFlags say where a gateway is, and who asks.
type remoteFlags struct {
	Remote    string `required:"" placeholder:"URL" help:"Where the gateway listens: ${schemes}."`
	TokenFile string `placeholder:"FILE" help:"A file with the token to present, in its first line that has one. Over HTTP the request presents it too, unless the URL names a user."`
	tlsFlags
}

func (f *remoteFlags) token() (string, error) {
	if f.TokenFile == "" {
		return "", nil
	}
	tokens, err := gateway.ReadTokens(f.TokenFile)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return tokens[0], nil
}

// options are how the gateway is dialled. A token is for whoever stands before it, too.
func (f *remoteFlags) options(eng *engine.Engine, token string) (*transports.Options, error) {
	files, err := f.files()
	o := &transports.Options{Engine: eng, TLSFiles: files}
	if u, perr := url.Parse(f.Remote); perr == nil && u.User == nil {
		o.Token = token
	}
	return o, err
}

// newEngine makes an engine for the time of a command.
func newEngine(log *slog.Logger) (eng *engine.Engine, shutdown func(), err error) {
	eng, err = engine.New(engine.Config{Logger: log})
	return eng, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = eng.Shutdown(ctx)
	}, err
}

// schemes is what help says about URLs: inmem leads to nobody else.
func schemes() string {
	between := slices.DeleteFunc(transports.Schemes(), func(s string) bool { return s == inmem.Transport })
	return strings.Join(between, "://, ") + "://"
}

type gatewayListCmd struct {
	remoteFlags
	JSON bool `name:"json" help:"Print one JSON object and nothing else."`
}

// Help is the long help.
func (gatewayListCmd) Help() string {
	return `Asks a gateway which of its offers this user, certificate or token may open. The counters are the gateway's, of all its
peers.

JSON: an object with offers, an array of objects with name, upstream, open, total, handed_over, refused, failed, sent and received (bytes).

Examples:

  corechan gateway list --remote shm:///run/gw.sock
  corechan gateway list --remote tls://db.example:7000 --tls-ca ca.pem --token-file token --json`
}

// Run prints the offers.
func (c *gatewayListCmd) Run(a *app) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	eng, shutdown, err := newEngine(nil)
	if err != nil {
		return err
	}
	defer shutdown()
	o, err := c.options(eng, token)
	if err != nil {
		return err
	}
	sess, err := transports.Dial(a.ctx, c.Remote, o)
	if err != nil {
		return err
	}
	defer sess.Close()
	offers, err := gateway.List(a.ctx, sess, &gateway.DialOptions{Token: token})
	if err != nil {
		return err
	}
	if c.JSON {
		return printOffersJSON(a.stdout, offers)
	}
	printOffers(a.stdout, offers)
	return nil
}
