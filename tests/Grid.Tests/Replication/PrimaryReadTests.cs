using System.Text;
using Grid.Formats.Operations;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>No reply of any kind tells what could still be lost.</summary>
public sealed class PrimaryReadTests
{
    private readonly PrimaryRig _rig = new PrimaryRig().With("b");

    [Fact]
    public void A_value_is_told_once_its_write_is_committed()
    {
        Level(Op.Set("k", "old"));
        _rig.Do(WriteDurability.Primary, Op.Set("k", "new"));
        Assert.Equal("new", Waits(Op.Get("k")).Value);
    }

    [Fact]
    public void A_committed_key_is_told_at_once_while_others_wait()
    {
        Level(Op.Set("k", "old"));
        _rig.Do(Op.Set("other"));
        Assert.Equal("old", _rig.Do(Op.Get("k")).Done.Only.Value);
    }

    [Fact]
    public void An_absence_is_told_once_its_delete_is_committed()
    {
        Level(Op.Set("k"));
        _rig.Do(Op.Delete("k"));
        Assert.Equal(OperationStatus.NotFound, Waits(Op.Get("k")).Status);
    }

    [Fact]
    public void An_absence_that_is_committed_is_told_at_once()
    {
        Level(Op.Set("k"));
        Level(Op.Delete("k"));
        _rig.Do(Op.Set("other"));
        Assert.Equal(OperationStatus.NotFound, _rig.Do(Op.Get("k")).Done.Only.Status);
    }

    [Fact]
    public void A_cleared_keyspace_is_told_once_the_clear_is_committed()
    {
        Level(Op.Set("k"));
        _rig.Do(Op.Clear());
        Assert.Equal(OperationStatus.NotFound, Waits(Op.Get("k")).Status);
    }

    [Fact]
    public void The_clear_itself_tells_its_count_once_all_that_it_counted_is_committed()
    {
        Level(Op.Set("k"), Op.Set("l"));
        Assert.Equal(2, Waits(Op.Clear()).Number);
    }

    [Fact]
    public void A_failed_condition_waits_for_what_made_it_fail()
    {
        Level(Op.Set("k"));
        ulong version = _rig.Do(Op.Get("k")).Done.Only.Version;
        _rig.Do(Op.Set("k", "newer"));
        Assert.Equal(OperationStatus.ConditionFailed, Waits(Op.Set("k") with { Condition = WriteCondition.IfVersion, Version = version }).Status);
    }

    [Fact]
    public void A_write_only_if_present_that_finds_nothing_waits_for_the_delete()
    {
        Level(Op.Set("k"));
        _rig.Do(Op.Delete("k"));
        Assert.Equal(OperationStatus.ConditionFailed, Waits(Op.Set("k") with { Condition = WriteCondition.IfPresent }).Status);
    }

    [Fact]
    public void Get_or_add_shows_the_entry_that_is_there_once_it_is_committed()
    {
        _rig.Do(Op.Set("k", "first"));
        Result result = Waits(Op.Set("k", "second") with { Condition = WriteCondition.IfAbsent, Flags = OperationFlags.ReturnExisting });
        Assert.Equal((OperationStatus.ConditionFailed, "first"), (result.Status, result.Value));
    }

    [Fact]
    public void A_delete_of_what_was_deleted_waits_for_the_first_delete()
    {
        Level(Op.Set("k"));
        _rig.Do(Op.Delete("k"));
        Assert.Equal(OperationStatus.NotFound, Waits(Op.Delete("k")).Status);
    }

    [Fact]
    public void A_scan_waits_for_everything_that_is_in_the_log()
    {
        Level(Op.Set("k1"));
        _rig.Do(Op.Set("k2"));
        ScanPageReader page = new(Waits(Op.Scan()).Bytes);
        Assert.Equal(2, page.Count);
        Assert.True(page.Done);
    }

    [Fact]
    public void A_scan_pages_and_filters_by_prefix()
    {
        Level([.. Enumerable.Range(0, 30).Select(i => Op.Set(i % 2 == 0 ? $"even{i}" : $"odd{i}"))]);
        HashSet<string> keys = [];
        ulong cursor = 0;
        do
        {
            ScanPageReader page = new(_rig.Do(Op.Scan("even") with { Cursor = cursor, EntriesMax = 4 }).Done.Only.Bytes);
            while (page.TryRead(out ReadOnlySpan<byte> key, out _, out _, out _))
                Assert.True(keys.Add(Encoding.UTF8.GetString(key)));
            cursor = page.Done ? 0 : page.Cursor;
        }
        while (cursor != 0);
        Assert.Equal(15, keys.Count);
        Assert.All(keys, key => Assert.StartsWith("even", key));
    }

    [Fact]
    public void Statistics_wait_for_everything_that_is_in_the_log()
    {
        _rig.Do(Op.Set("k"));
        Assert.Equal(1, KeyspaceCounts.Read(Waits(Op.Count()).Bytes).Entries);
    }

    [Fact]
    public void An_entry_found_expired_is_deleted_through_the_log_and_answered_when_that_commits()
    {
        Level(Op.Set("k") with { TimeToLiveMs = 10 });
        long before = _rig.Core.LogEnd;
        Skip(20);
        Ticket read = _rig.Do(Op.Get("k"));
        Assert.True(read.IsWaiting);
        Assert.Equal(before + 1, _rig.Core.LogEnd);
        _rig.Acknowledge("b");
        Assert.Equal(OperationStatus.NotFound, read.Done.Only.Status);
    }

    [Fact]
    public void What_expires_unseen_is_deleted_through_the_log_in_time()
    {
        Level(Op.Set("k") with { TimeToLiveMs = 10 });
        long before = _rig.Core.LogEnd;
        _rig.Wait(200, "b");
        Assert.Equal(before + 1, _rig.Core.LogEnd);
    }

    [Fact]
    public void A_batch_waits_for_the_newest_thing_that_any_of_its_operations_saw()
    {
        Level(Op.Set("k"));
        _rig.Do(Op.Set("l"));
        Ticket both = _rig.Do(Op.Get("k"), Op.Get("l"));
        Assert.True(both.IsWaiting);
        _rig.Acknowledge("b");
        Assert.Equal(2, both.Done.Results.Count);
    }

    private void Level(params Op[] operations)
    {
        Ticket write = _rig.Do(operations);
        _rig.Acknowledge("b");
        Assert.All(write.Done.Results, result => Assert.Equal(OperationStatus.Ok, result.Status));
    }

    private Result Waits(Op operation)
    {
        Ticket ticket = _rig.Do(operation);
        Assert.True(ticket.IsWaiting);
        _rig.Acknowledge("b");
        return ticket.Done.Only;
    }

    private void Skip(long ms) => _rig.PassTime(ms);
}
