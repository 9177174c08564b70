package perf

import (
	"context"

	"github.com/corechan/corechan/engine"
	"github.com/corechan/corechan/ring"
	"github.com/corechan/corechan/transports/inmem"
	"github.com/corechan/corechan/transports/shm"
)

// carrier is what a run needs of a transport's package: both sides of a session, with a ring of these options each.
type carrier interface {
	listen(ctx context.Context, addr string, eng *engine.Engine, r ring.Options) (*engine.Listener, error)
	dial(ctx context.Context, addr string, eng *engine.Engine, r ring.Options) (*engine.Session, error)
}

type overShm struct{}

func (overShm) listen(ctx context.Context, addr string, eng *engine.Engine, r ring.Options) (*engine.Listener, error) {
	return shm.Listen(ctx, addr, &shm.Options{Engine: eng, Ring: r})
}

func (overShm) dial(ctx context.Context, addr string, eng *engine.Engine, r ring.Options) (*engine.Session, error) {
	return shm.Dial(ctx, addr, &shm.Options{Engine: eng, Ring: r})
}

type overInmem struct{}

func (overInmem) listen(ctx context.Context, addr string, eng *engine.Engine, r ring.Options) (*engine.Listener, error) {
	return inmem.Listen(ctx, addr, &inmem.Options{Engine: eng, Ring: r})
}

func (overInmem) dial(ctx context.Context, addr string, eng *engine.Engine, r ring.Options) (*engine.Session, error) {
	return inmem.Dial(ctx, addr, &inmem.Options{Engine: eng, Ring: r})
}
