using Grid.Formats.Operations;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Sessions;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>Operations that are sent again: each takes effect once, and is answered as it was at first.</summary>
public sealed class PrimarySessionTests
{
    private const ulong Client = 7;

    private PrimaryRig _rig = new(new PrimaryOptions { Replicas = 1 });
    private long _number;

    private SessionTable Sessions => _rig.Copy.Sessions;

    [Fact]
    public void A_repeated_increment_counts_once_and_tells_the_first_result()
    {
        Result first = Do(1, Op.Add("c", 5)).Only;
        Assert.Equal(7, Do(2, Op.Add("c", 2)).Only.Number);
        Assert.Equal((OperationStatus.Ok, 5L, first.Version), Shown(Repeat(1, Op.Add("c", 5)).Only));
        Assert.Equal(9, Do(3, Op.Add("c", 2)).Only.Number);
    }

    [Fact]
    public void Every_kind_of_write_is_answered_as_at_first_when_it_is_repeated()
    {
        Op[] writes = [Op.Set("k", "1") with { Condition = WriteCondition.IfAbsent, Flags = OperationFlags.ReturnExisting }, Op.Expire("k", 50_000), Op.Add("c", -3), Op.Delete("k"), Op.Clear()];
        IReadOnlyList<Result> first = Do(1, writes).Results;
        Assert.Equal(1, first[4].Number);
        long end = _rig.Core.LogEnd;
        IReadOnlyList<Result> again = Repeat(1, writes).Results;
        Assert.Equal(first.Select(Shown), again.Select(Shown));
        Assert.Equal(end, _rig.Core.LogEnd);
    }

    [Fact]
    public void What_had_no_effect_is_done_when_it_is_repeated()
    {
        Assert.Equal(OperationStatus.NotFound, Do(1, Op.Delete("k")).Only.Status);
        Do(WriteDurability.Replicated, client: 8, 1, repeats: false, 0, Op.Set("k"));
        Assert.Equal(OperationStatus.Ok, Repeat(1, Op.Delete("k")).Only.Status);
        Assert.Equal(OperationStatus.Ok, Repeat(1, Op.Delete("k")).Only.Status);
        Assert.Equal(OperationStatus.NotFound, Do(2, Op.Get("k")).Only.Status);
    }

    [Fact]
    public void What_had_no_effect_is_not_done_behind_a_later_operation_on_its_key()
    {
        Assert.Equal([OperationStatus.NotFound, OperationStatus.Ok], Do(1, Op.Delete("k"), Op.Set("k", "later")).Results.Select(result => result.Status));
        Assert.Equal(OperationStatus.Overtaken, Repeat(1, Op.Delete("k")).Only.Status);
        Assert.Equal(OperationStatus.Overtaken, Repeat(1, Op.Get("k")).Only.Status);
        Assert.Equal(OperationStatus.Overtaken, Repeat(1, Op.Clear()).Only.Status);
        Assert.Equal(OperationStatus.NotFound, Repeat(1, Op.Get("other")).Only.Status);
        Assert.Equal("later", Do(3, Op.Get("k")).Only.Value);
    }

    [Fact]
    public void A_clear_overtakes_every_key_of_its_keyspace()
    {
        Do(1, Op.Get("k"), Op.Set("l"), Op.Clear());
        Assert.Equal(OperationStatus.Overtaken, Repeat(1, Op.Get("k")).Only.Status);
        Assert.Equal(OperationStatus.NotFound, Repeat(1, Op.Get("k") with { Keyspace = "other" }).Only.Status);
    }

    [Fact]
    public void What_is_only_looked_up_is_never_done()
    {
        Do(1, Op.Set("k", "1"));
        Assert.Equal(OperationStatus.Ok, Repeat(1, Op.Set("k", "1") with { Flags = OperationFlags.OnlyLookUp }).Only.Status);
        Assert.Equal(OperationStatus.Overtaken, Repeat(2, Op.Set("l") with { Flags = OperationFlags.OnlyLookUp }).Only.Status);
        Assert.Equal(OperationStatus.NotFound, Do(3, Op.Get("l")).Only.Status);
    }

    [Fact]
    public void The_first_result_is_not_told_before_it_is_committed()
    {
        _rig.With("b");
        Do(1, Op.Set("k", "1"));
        Ticket again = Send(1, repeats: true, 0, Op.Set("k", "1"));
        Ticket overtaken = Send(2, repeats: true, 0, Op.Get("x"));
        Assert.True(again.IsWaiting);
        Assert.False(overtaken.IsWaiting);
        _rig.Acknowledge("b");
        Assert.Equal(OperationStatus.Ok, again.Done.Only.Status);
    }

    [Fact]
    public void A_repetition_with_the_durability_of_the_primary_waits_for_the_commit()
    {
        _rig.With("b");
        Assert.Equal(BatchStatus.Ok, Do(WriteDurability.Primary, Client, 1, false, 0, Op.Set("k", "1")).Done.Status);
        Ticket again = Do(WriteDurability.Primary, Client, 1, true, 0, Op.Set("k", "1"));
        Assert.True(again.IsWaiting);
        _rig.Acknowledge("b");
        Assert.Equal(OperationStatus.Ok, again.Done.Only.Status);
    }

    [Fact]
    public void Settled_operations_are_forgotten_and_not_done_again()
    {
        for (long number = 1; number <= 4; number++)
            Send(number, repeats: false, settledBelow: Math.Max(0, number - 1), Op.Add("c", 1));
        Assert.Equal(2, Sessions.Entries);
        Assert.Equal(OperationStatus.SessionExpired, Repeat(2, Op.Add("c", 1)).Only.Status);
        Assert.Equal(3, Repeat(3, Op.Add("c", 1)).Only.Number);
    }

    [Fact]
    public void A_new_reign_remembers_what_the_old_one_did_and_waits_for_its_barrier()
    {
        Result first = Do(1, Op.Add("c", 5)).Only;
        Reign(2);
        Assert.Equal(Shown(first), Shown(Repeat(1, Op.Add("c", 5)).Only));
        Assert.Equal(6, Do(2, Op.Add("c", 1)).Only.Number);
    }

    [Fact]
    public void That_nothing_is_remembered_is_not_told_before_the_barrier_is_committed()
    {
        _rig.With("b");
        Do(1, Op.Set("k", "1"));
        _rig.Acknowledge("b");
        Reign(2, keepMembers: true);
        Ticket lookUp = Send(9, repeats: true, 0, Op.Set("k") with { Flags = OperationFlags.OnlyLookUp });
        Assert.True(lookUp.IsWaiting);
        CopyName member = _rig.Core.RequiredMembers().Single();
        Assert.Equal(AttachAnswer.Accepted, _rig.Attach("b", change: request => request with { Copy = member }));
        Assert.True(lookUp.IsWaiting);
        _rig.Acknowledge("b");
        Assert.Equal(OperationStatus.Overtaken, lookUp.Done.Only.Status);
    }

    [Fact]
    public void A_numbered_write_in_vain_is_known_not_to_be_applied_when_the_reign_ends()
    {
        _rig.With("b");
        Do(1, Op.Set("k"), Op.Delete("k"));
        Ticket vain = Send(3, repeats: false, 0, Op.Delete("k")), found = Send(2, repeats: true, 0, Op.Delete("k"));
        _rig.Core.StepDown("test");
        Assert.Equal((BatchStatus.NotPrimary, BatchStatus.Indeterminate), (vain.Done.Status, found.Done.Status));
    }

    [Fact]
    public void Too_many_clients_evict_the_one_that_wrote_longest_ago_through_the_log()
    {
        _rig = new PrimaryRig(new PrimaryOptions { Replicas = 1, SessionsMax = 2 });
        foreach (ulong client in (ulong[])[21, 22, 21, 23])
            Do(WriteDurability.Replicated, client, client == 21 && Sessions.Count == 2 ? 2 : 1, false, 0, Op.Add("c", 1));
        Assert.Equal((2, 22ul), (Sessions.Count, Sessions.EvictedUpTo));
        Assert.Equal(OperationStatus.SessionExpired, Do(WriteDurability.Replicated, 22, 1, true, 0, Op.Add("c", 1)).Done.Only.Status);

        // A client that came later than all that were evicted has done nothing yet.
        Assert.Equal(5, Do(WriteDurability.Replicated, 24, 1, true, 0, Op.Add("c", 1)).Done.Only.Number);
        Assert.Equal(Sessions.Digest(), Replayed().Digest());
    }

    [Fact]
    public void A_client_that_was_evicted_and_comes_again_repeats_nothing_from_before()
    {
        _rig = new PrimaryRig(new PrimaryOptions { Replicas = 1, SessionsMax = 1 });
        Do(WriteDurability.Replicated, 21, 1, false, 0, Op.Add("c", 1));
        Do(WriteDurability.Replicated, 22, 1, false, 0, Op.Add("c", 1));
        Do(WriteDurability.Replicated, 21, 2, false, 1, Op.Add("c", 1));
        Assert.Equal(OperationStatus.SessionExpired, Do(WriteDurability.Replicated, 21, 1, true, 1, Op.Add("c", 1)).Done.Only.Status);
        Assert.Equal(3, Do(WriteDurability.Replicated, 21, 2, true, 1, Op.Add("c", 1)).Done.Only.Number);
    }

    [Fact]
    public void Too_many_operations_of_a_client_raise_its_floor_and_too_many_of_all_evict()
    {
        _rig = new PrimaryRig(new PrimaryOptions { Replicas = 1, SessionEntriesMax = 3, SessionEntriesTotalMax = 5 });
        for (long number = 1; number <= 6; number++)
            Do(number, Op.Add("c", 1));
        Assert.Equal((3, 4), (Sessions.Entries, Sessions.Find(Client)!.Floor));
        Assert.Equal(OperationStatus.SessionExpired, Repeat(3, Op.Add("c", 1)).Only.Status);
        Assert.Equal(4, Repeat(4, Op.Add("c", 1)).Only.Number);
        for (long number = 1; number <= 3; number++)
            Do(WriteDurability.Replicated, 8, number, false, 0, Op.Add("c", 1));
        Assert.Equal((1, 3L, Client), (Sessions.Count, Sessions.Entries, Sessions.EvictedUpTo));
        Assert.Equal(Sessions.Digest(), Replayed().Digest());
    }

    [Fact]
    public void Operations_without_numbers_leave_nothing_behind()
    {
        _rig.Do(Op.Add("c", 1));
        Assert.Equal((0, 0L), (Sessions.Count, Sessions.Entries));
    }

    [Fact]
    public void A_snapshot_has_what_is_remembered_at_its_base()
    {
        Do(1, Op.Set("k"), Op.Delete("k"));
        ulong atBase = Sessions.Digest();
        _rig.AttachEmpty("b");
        _rig.Wait(300);
        Do(3, Op.Set("later"));
        SessionTable loaded = new();
        foreach (byte[] part in _rig.Snapshot!.Sessions.Pack())
            loaded.Load(part);
        Assert.Equal(atBase, loaded.Digest());
        Assert.NotEqual(atBase, Sessions.Digest());
    }

    private static (OperationStatus Status, long Number, ulong Version) Shown(Result result) => (result.Status, result.Number, result.Version);

    private Answer Do(long number, params Op[] operations) => Send(number, repeats: false, 0, operations).Answer ?? new Answer(BatchStatus.Ok, 0, 0, "", []);

    private Answer Repeat(long number, params Op[] operations) => Send(number, repeats: true, 0, operations).Done;

    private Ticket Send(long number, bool repeats, long settledBelow, params Op[] operations) =>
        Do(WriteDurability.Replicated, Client, number, repeats, settledBelow, operations);

    private Ticket Do(WriteDurability durability, ulong client, long number, bool repeats, long settledBelow, params Op[] operations) =>
        _rig.Execute(Requests.Build(operations, durability, client, ++_number, _rig.Core.Epoch, acknowledgedBelow: _number, firstOperation: number, settledBelow: settledBelow, repeats: repeats));

    /// <summary>Another owner adopts the copy.</summary>
    private void Reign(long epoch, bool keepMembers = false)
    {
        PrimaryRig old = _rig;
        _number = 0;
        _rig = new PrimaryRig(copy: old.Copy, record: old.Core.Record.WithPrimary(old.Copy.Name, epoch, keepMembers ? old.Core.Record.InSync : [], Guid.NewGuid()));
    }

    /// <summary>What another copy makes of the log.</summary>
    private SessionTable Replayed()
    {
        ShardCopy other = PrimaryRig.NewCopy("b");
        MutationApplier.Apply(other.Store, other.Sessions, _rig.Copy.Log.Read(1, int.MaxValue));
        return other.Sessions;
    }
}
