using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;
using Xunit;

namespace Grid.Tests.Replication;

/// <summary>What each kind of write does, and what is refused.</summary>
public sealed class PrimaryWriteTests
{
    private readonly PrimaryRig _rig = new(new PrimaryOptions { Replicas = 1, KeyBytesMax = 20, ValueBytesMax = 100, KeyspacesMax = 2, BacklogBytesMax = 1024, UncommittedBytesMax = 200_000 });

    [Fact]
    public void A_set_only_if_absent_takes_place_once()
    {
        Op add = Op.Set("k", "first") with { Condition = WriteCondition.IfAbsent };
        Assert.Equal(OperationStatus.Ok, Do(add).Status);
        Assert.Equal(OperationStatus.ConditionFailed, Do(add).Status);
        Assert.Equal(OperationStatus.Ok, Do(Op.Delete("k")).Status);
        Assert.Equal(OperationStatus.Ok, Do(add).Status);
    }

    [Fact]
    public void A_set_only_if_version_takes_place_on_that_version_only()
    {
        ulong version = Do(Op.Set("k", "1")).Version;
        Assert.Equal(OperationStatus.Ok, Do(Op.Set("k", "2") with { Condition = WriteCondition.IfVersion, Version = version }).Status);
        Assert.Equal(OperationStatus.ConditionFailed, Do(Op.Set("k", "3") with { Condition = WriteCondition.IfVersion, Version = version }).Status);
        Assert.Equal(OperationStatus.ConditionFailed, Do(Op.Set("absent", "3") with { Condition = WriteCondition.IfVersion, Version = version }).Status);
        Assert.Equal("2", Do(Op.Get("k")).Value);
    }

    [Fact]
    public void A_delete_only_if_version_takes_place_on_that_version_only()
    {
        ulong version = Do(Op.Set("k", "1")).Version;
        Assert.Equal(OperationStatus.ConditionFailed, Do(Op.Delete("k") with { Condition = WriteCondition.IfVersion, Version = version + 1 }).Status);
        Assert.Equal(OperationStatus.Ok, Do(Op.Delete("k") with { Condition = WriteCondition.IfVersion, Version = version }).Status);
    }

    [Fact]
    public void Versions_grow_with_every_write()
    {
        ulong first = Do(Op.Set("k")).Version, second = Do(Op.Set("l")).Version, third = Do(Op.Expire("k", 5000)).Version;
        Assert.True(first < second && second < third);
        Assert.Equal(third, Do(Op.Get("k")).Version);
    }

    [Fact]
    public void A_counter_starts_at_nothing_and_stops_at_its_range()
    {
        Assert.Equal(5, Do(Op.Add("c", 5)).Number);
        Assert.Equal(-2, Do(Op.Add("c", -7)).Number);
        Assert.Equal("-2", Do(Op.Get("c")).Value);
        Assert.Equal(OperationStatus.Overflow, Do(Op.Add("c", long.MinValue)).Status);
        Assert.Equal(long.MaxValue - 2, Do(Op.Add("c", long.MaxValue)).Number);
        Assert.Equal(OperationStatus.Overflow, Do(Op.Add("c", 3)).Status);
        Assert.Equal(long.MaxValue, Do(Op.Add("c", 2)).Number);
    }

    [Theory]
    [InlineData("")]
    [InlineData("12x")]
    [InlineData("9223372036854775808")]
    [InlineData(" 1")]
    public void Text_that_is_no_number_is_not_added_to(string value)
    {
        Do(Op.Set("c", value));
        Assert.Equal(OperationStatus.NotANumber, Do(Op.Add("c", 1)).Status);
        Assert.Equal(value, Do(Op.Get("c")).Value);
    }

    [Fact]
    public void A_time_to_live_ends_with_the_next_plain_set_and_is_kept_on_request()
    {
        long expiry = Do(Op.Set("k") with { TimeToLiveMs = 5000 }).ExpiryUnixMs;
        Assert.True(expiry > 0);
        Assert.Equal(expiry, Do(Op.Set("k", "2") with { Flags = OperationFlags.KeepExpiry }).ExpiryUnixMs);
        Assert.Equal(0, Do(Op.Set("k", "3")).ExpiryUnixMs);
        Do(Op.Expire("k", 700));
        Do(Op.Expire("k", 0));
        Assert.Equal(0, Do(Op.Get("k")).ExpiryUnixMs);
    }

    [Fact]
    public void A_counter_keeps_its_expiry_only_on_request()
    {
        Do(Op.Set("c", "1") with { TimeToLiveMs = 5000 });
        Assert.True(Do(Op.Add("c", 1) with { Flags = OperationFlags.KeepExpiry }).ExpiryUnixMs > 0);
        Assert.Equal(0, Do(Op.Add("c", 1)).ExpiryUnixMs);
    }

    [Fact]
    public void Expire_of_what_is_not_there_does_nothing() =>
        Assert.Equal(OperationStatus.NotFound, Do(Op.Expire("nothing", 10)).Status);

    [Fact]
    public void Clear_removes_what_is_there_and_nothing_of_other_keyspaces()
    {
        Do(Op.Set("k"));
        Do(Op.Set("k") with { Keyspace = "other" });
        Assert.Equal(1, Do(Op.Clear()).Number);
        Assert.Equal(OperationStatus.NotFound, Do(Op.Get("k")).Status);
        Assert.Equal("v", Do(Op.Get("k") with { Keyspace = "other" }).Value);
        Assert.Equal(0, Do(Op.Clear()).Number);
    }

    [Fact]
    public void Only_a_write_makes_a_keyspace()
    {
        long end = _rig.Core.LogEnd;
        Assert.Equal(OperationStatus.NotFound, Do(Op.Get("k")).Status);
        Assert.Equal(OperationStatus.NotFound, Do(Op.Delete("k")).Status);
        Assert.Equal(0, Do(Op.Clear()).Number);
        Assert.Equal(end, _rig.Core.LogEnd);
        Do(Op.Set("k"));
        Assert.Equal(end + 2, _rig.Core.LogEnd);
    }

    [Fact]
    public void Keyspaces_are_bounded()
    {
        Do(Op.Set("k"));
        Do(Op.Set("k") with { Keyspace = "two" });
        Assert.Equal(OperationStatus.Overloaded, Do(Op.Set("k") with { Keyspace = "three" }).Status);
        Assert.Equal("v", Do(Op.Get("k") with { Keyspace = "two" }).Value);
    }

    [Fact]
    public void Keys_and_values_over_their_limits_are_refused_and_change_nothing()
    {
        Assert.Equal(OperationStatus.Ok, Do(Op.Set(new string('k', 20), new string('v', 100))).Status);
        Assert.Equal(OperationStatus.Invalid, Do(Op.Set(new string('k', 21))).Status);
        Assert.Equal(OperationStatus.Invalid, Do(Op.Set("k", new string('v', 101))).Status);
        Assert.Equal(OperationStatus.Invalid, Do(Op.Set("")).Status);
        Assert.Equal(OperationStatus.Invalid, Do(Op.Set("k") with { Keyspace = new string('x', 300) }).Status);
        Assert.Equal(OperationStatus.Invalid, Do(Op.Set("k") with { TimeToLiveMs = long.MaxValue }).Status);
        Assert.Equal(OperationStatus.NotFound, Do(Op.Get("k")).Status);
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(150_000)]
    [InlineData(4 << 20)]
    public void Writes_are_refused_before_they_are_applied_when_too_much_is_uncommitted_whatever_the_backlog(int backlogBytes)
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 1, BacklogBytesMax = backlogBytes, UncommittedBytesMax = 200_000 }).With("b");
        string value = new('v', 100);
        int written = 0;
        Ticket last;
        do
        {
            last = rig.Do(Op.Set($"k{written++}", value));
        }
        while (last.IsWaiting && written < 10_000);
        Assert.Equal(OperationStatus.Overloaded, last.Done.Only.Status);
        Assert.InRange(rig.Copy.Log.Bytes, 200_000, 220_000);
        rig.Acknowledge("b");
        rig.Wait(50, "b");
        for (int i = 0; i < written / 2; i++)
            Assert.True(rig.Do(Op.Set($"again{i}", value)).IsWaiting);
    }

    /// <summary>A large value that is committed lies in the same chunk of the log as the small writes behind it, and counts for nothing any more.</summary>
    [Fact]
    public void A_large_write_that_is_committed_leaves_all_the_room_to_those_behind_it()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { Replicas = 1, BacklogBytesMax = 1024, UncommittedBytesMax = 200_000 }).With("b");
        rig.Do(Op.Set("large", new string('v', 600_000)));
        rig.Acknowledge("b");
        rig.Wait(50, "b");
        for (int i = 0; i < 1000; i++)
            Assert.True(rig.Do(Op.Set($"k{i}", new string('v', 100))).IsWaiting, $"Write {i} was refused.");
    }

    [Fact]
    public void A_batch_for_another_shard_is_malformed()
    {
        PooledBuffer request = Requests.Build([Op.Set("k")], shard: 5);
        Assert.Equal(BatchStatus.Malformed, _rig.Execute(request).Done.Status);
    }

    [Fact]
    public void A_batch_damaged_behind_a_write_is_indeterminate_and_before_one_malformed()
    {
        PooledBuffer request = Requests.Build([Op.Set("k"), Op.Set("l")]);
        request.Truncate(request.Length - 3);
        Assert.Equal(BatchStatus.Indeterminate, _rig.Execute(request).Done.Status);
        Assert.Equal("v", Do(Op.Get("k")).Value);
        request = Requests.Build([Op.Get("k"), Op.Set("l")]);
        request.Truncate(request.Length - 3);
        Assert.Equal(BatchStatus.Malformed, _rig.Execute(request).Done.Status);
    }

    [Fact]
    public void Replies_that_wait_are_bounded()
    {
        PrimaryRig rig = new PrimaryRig(new PrimaryOptions { RepliesWaitingMax = 2 }).With("b");
        rig.Do(Op.Set("1"));
        rig.Do(Op.Set("2"));
        Assert.Equal(BatchStatus.Overloaded, rig.Do(Op.Set("3")).Done.Status);
        rig.Acknowledge("b");
        Assert.True(rig.Do(Op.Set("3")).IsWaiting);
    }

    private Result Do(Op operation) => _rig.Do(operation).Done.Only;
}
