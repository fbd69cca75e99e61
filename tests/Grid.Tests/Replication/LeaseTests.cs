using Grid.Formats.Links;
using Grid.Formats.Operations;
using Grid.Replication.Copies;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Who vouches for whom, and how a copy knows how fresh it is.</summary>
public sealed class LeaseTests
{
    private static readonly PrimaryOptions Options = new() { Replicas = 2, LeaseMs = 1000, ReplicaTimeoutMs = 60_000, HeartbeatMs = 100 };

    [Fact]
    public void A_primary_holds_its_lease_while_every_required_member_grants_it()
    {
        PrimaryRig rig = new PrimaryRig(Options).With("b", "c");
        Assert.True(rig.Core.HoldsLease(rig.Now));
        rig.CopiesGrant = false;
        rig.Wait(900, "b", "c");
        Assert.True(rig.Core.HoldsLease(rig.Now));
        rig.Wait(200, "b", "c");
        Assert.False(rig.Core.HoldsLease(rig.Now));
        rig.CopiesGrant = true;
        rig.Wait(300, "b", "c");
        Assert.True(rig.Core.HoldsLease(rig.Now));
    }

    [Fact]
    public void A_primary_alone_in_its_set_needs_no_grant_but_to_be_heard_of()
    {
        PrimaryRig rig = new(Options);
        rig.Wait(100_000);
        Assert.True(rig.Core.HoldsLease(rig.Now));
        Assert.Equal(BatchStatus.Ok, rig.Do(Op.Set("k", "1")).Done.Status);
        rig.MajorityAtMs = rig.Ms;
        rig.Wait(Options.ReplicaTimeoutMs - 50);
        Assert.True(rig.Core.HoldsLease(rig.Now));
        rig.Wait(50);
        Assert.False(rig.Core.HoldsLease(rig.Now));
        Ticket read = rig.Execute(Requests.Build([Op.Get("k")], committed: false));
        Ticket write = rig.Do(Op.Set("k", "2"));
        Assert.Null(read.Answer);
        Assert.Null(write.Answer);
        rig.MajorityAtMs = rig.Ms;
        rig.Wait(50);
        Assert.Equal(BatchStatus.Ok, read.Done.Status);
        Assert.Equal(BatchStatus.Ok, write.Done.Status);
    }

    [Fact]
    public void A_replica_that_grants_no_lease_does_not_join()
    {
        PrimaryRig rig = new(Options) { CopiesGrant = false };
        rig.Attach("b");
        rig.Acknowledge("b");
        Assert.Null(rig.Writing);
        rig.CopiesGrant = true;
        rig.Wait(300, "b");
        Assert.Contains(rig.Writing!.InSync, copy => copy.Silo == "b");
    }

    [Fact]
    public void A_grant_counts_from_when_it_was_asked_for_and_an_old_answer_for_nothing()
    {
        Lease lease = new();
        long first = lease.Ask(1000, 1000);
        for (int i = 0; i < 40; i++)
            lease.Ask(1000 + i, 1000);
        lease.Grant(Name, first);
        Assert.False(lease.HasGrant(Name, 1100));
        long last = lease.Ask(2000, 1000);
        lease.Grant(Name, last);
        lease.Grant(Name, last + 1);
        Assert.True(lease.HasGrant(Name, 2949));
        Assert.False(lease.HasGrant(Name, 2950));
    }

    [Fact]
    public void A_longer_lease_holds_from_the_next_request_on_and_lengthens_no_grant_that_was_given()
    {
        PrimaryRig rig = new PrimaryRig(Options).With("b", "c");
        rig.CopiesGrant = false;
        rig.Core.Reconfigure(Options with { LeaseMs = 30_000 }, rig.Now);
        rig.Wait(1000, "b", "c");
        Assert.False(rig.Core.HoldsLease(rig.Now));

        // Asked anew at once, not a quarter of the new lease later.
        rig.CopiesGrant = true;
        rig.Core.Reconfigure(Options with { LeaseMs = 20_000 }, rig.Now);
        rig.Wait(100, "b", "c");
        Assert.True(rig.Core.HoldsLease(rig.Now));
        rig.CopiesGrant = false;
        rig.Core.Reconfigure(Options with { LeaseMs = 200 }, rig.Now);
        rig.Wait(10_000, "b", "c");
        Assert.True(rig.Core.HoldsLease(rig.Now));
    }

    [Fact]
    public void A_copy_that_has_seen_a_higher_epoch_or_is_not_whole_never_grants()
    {
        using ShardCopy copy = PrimaryRig.NewCopy("b");
        Assert.True(copy.TryGrant(3, 7, 1000, 5000));
        Assert.Equal((6000, 7), (copy.GrantedUntilMs, copy.RecordVersionSeen));
        copy.Observe(4, 0);
        Assert.False(copy.TryGrant(3, 7, 1000, 9000));
        copy.State = CopyState.Loading;
        Assert.False(copy.TryGrant(4, 7, 1000, 9000));
        Assert.Equal(6000, copy.GrantedUntilMs);
    }

    [Fact]
    public void A_heartbeat_gives_the_replicas_clock_back_only_under_the_lease()
    {
        PrimaryRig rig = new PrimaryRig(Options).With("b");
        rig.Core.OnAcknowledged(new(0, rig.CopyOn("b"), 1, rig.Request("b").Attach, rig.Copy.Log.EndOffset, 0, 0, SentAtMs: 777), rig.Now);
        rig.Wait(200);
        Assert.Equal(777, rig.To("b", LinkItemKind.Heartbeat).Last().Head.B);
        rig.CopiesGrant = false;
        rig.Wait(1200, "b");
        Assert.Equal(0, rig.To("b", LinkItemKind.Heartbeat).Last().Head.B);
    }

    [Fact]
    public void A_copy_is_fresh_once_it_has_applied_what_was_committed()
    {
        ReplicaRig rig = new ReplicaRig().Attach();
        rig.Load(5, 3);
        rig.Mutations(4, 2, committed: 3);
        rig.Command(LinkItemKind.Heartbeat, b: 500, committed: 6);
        Assert.Equal(long.MinValue, rig.Core.Copy.FreshAtMs);
        rig.Mutations(6, 1, committed: 6);
        rig.Command(LinkItemKind.Heartbeat, b: 600, committed: 6);
        Assert.Equal(600, rig.Core.Copy.FreshAtMs);
        rig.Command(LinkItemKind.Heartbeat, b: 0, committed: 6);
        Assert.Equal(600, rig.Core.Copy.FreshAtMs);
    }

    [Fact]
    public void A_loaded_copy_is_not_fresh_before_all_of_it_is_known_to_be_committed()
    {
        ReplicaRig rig = new ReplicaRig().Attach();
        rig.Load(5, 4);
        rig.Command(LinkItemKind.Heartbeat, b: 500, committed: 3);
        Assert.Equal(long.MinValue, rig.Core.Copy.FreshAtMs);
        rig.Command(LinkItemKind.Heartbeat, b: 500, committed: 4);
        Assert.Equal(500, rig.Core.Copy.FreshAtMs);
    }

    private static Grid.Replication.Records.CopyName Name => new("b", new Guid(1, 2, 3, new byte[8]));
}
