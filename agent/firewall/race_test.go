package firewall

import (
	"context"
	"testing"
)

// TestRemovedWhileLoading: a removal of the table while it is loaded is noticed.
func TestRemovedWhileLoading(t *testing.T) {
	inLab(t, func(t *testing.T, _ lab) {
		ctx := context.Background()
		f := open(t, labPlan(), Options{})
		others, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		defer others.close()
		removed, unseen := 0, 0
		for range 40 {
			applied := make(chan error, 1)
			go func() { applied <- f.Apply(ctx, labPlan()) }()
			for done := false; !done; {
				if err := others.remove(Table); err != nil {
					t.Fatal(err)
				}
				removed++
				select {
				case <-applied:
					done = true
				default:
				}
			}
			if err := f.call(ctx, func(r *reconciler) error {
				there, err := r.kernel.tableExists()
				gen, genErr := r.kernel.generation()
				if err == nil && genErr == nil && r.loaded && !there && gen == r.gen {
					unseen++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if unseen > 0 {
			t.Errorf("the removal would not have been noticed, %d of %d times", unseen, removed)
		}
	})
}
