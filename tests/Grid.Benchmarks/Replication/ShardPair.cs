using System.Buffers.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Replica;
using Grid.Replication.Time;
using Grid.Storage;

namespace Grid.Benchmarks.Replication;

/// <summary>A shard's primary and its in-sync replica in one thread, with nothing between them: what replicated sets cost both, without Orleans and the network.</summary>
internal sealed class ShardPair : IPrimaryOutput, IReplicaOutput, IEntropy, IDisposable
{
    public const int BatchSets = 32;
    private const int Keys = 20_000;
    private static readonly Guid Lineage = new("7f3a0000-0000-0000-0000-000000000001");

    private readonly PagePool _pages = new();
    private readonly ShardCopy _own;
    private readonly ShardPrimary _primary;
    private readonly ShardReplica _replica;
    private readonly Queue<Action> _calls = new();
    private readonly Queue<(PooledBuffer Item, long Attach)> _items = new();
    private readonly byte[] _key = new byte[16];
    private readonly byte[] _value = new byte[100];
    private readonly bool _numbered;
    private long _operation = 1;
    private long _batches;
    private long _sent;
    private long _answered;
    private ulong _random = 88172645463325252;

    /// <param name="numbered">Whether the client numbers its operations, so that the shard remembers each until the client has its answer.</param>
    public ShardPair(bool numbered)
    {
        _numbered = numbered;
        _own = NewCopy("a");
        ShardRecord record = ShardRecord.Fresh(0, Lineage, NextGuid()).WithPrimary(_own.Name, 1, [], NextGuid());
        _primary = new ShardPrimary(_own, _own.TakeOwnership(), record, new PrimaryOptions { Compress = false }, this, this);
        ShardCopy other = NewCopy("b");
        _replica = new ShardReplica(other, other.TakeOwnership(), 0, new ReplicaOptions(), this, this);
        _primary.Start(["a", "b"], Now);
        Settle();
        while (_primary.Record.InSync.Length < 2)
        {
            _batches++;
            _replica.Tick(Now);
            _primary.Tick(Now);
            Settle();
        }
    }

    /// <summary>Bytes in the primary's log of each set of the last run.</summary>
    public double LogBytesPerSet { get; private set; }

    private Instant Now => new(1_000_000 + (_batches / 10), 1_700_000_000_000);

    /// <summary>Sets in batches, each of which is answered before the next one comes.</summary>
    public void Run(int batches)
    {
        long first = _primary.LogEnd + 1, before = _answered;
        for (int i = 0; i < batches; i++)
        {
            if (++_batches % 500 == 0)
            {
                _primary.Tick(Now);
                _replica.Tick(Now);
            }

            PooledBuffer request = Batch();
            _primary.Execute(this, request, Now);
            request.Release();
            _primary.Flush(Now);
            Settle();
        }

        if (_answered - before != batches)
            throw new InvalidOperationException($"{_answered - before} of {batches} batches were answered: {_primary.Committed} of {_primary.LogEnd} is committed, in sync {_primary.Record}, the replica is {_replica.Phase} at {_replica.Copy.Position}.");
        long last = Math.Max(first, _own.Log.FirstOffset);
        LogBytesPerSet = _own.Log.BytesFrom(last) / (double)(_primary.LogEnd - last + 1);
    }

    public void Dispose()
    {
        _replica.Dispose();
        _replica.Copy.Dispose();
        _own.Dispose();
    }

    long IEntropy.NextId() => (long)Next() | 1;

    double IEntropy.NextFraction() => 0.5;

    public Guid NextGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Next());
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], Next());
        return new Guid(bytes);
    }

    private PooledBuffer Batch()
    {
        PooledBuffer buffer = PooledBuffer.Rent(8192);
        new RequestHeader(0, 7, ++_sent, 1, _sent, 1000, WriteDurability.Replicated, Committed: false) { SettledBelow = _numbered ? _operation : 0 }.Write(buffer);
        OperationWriter writer = new(buffer);
        for (int i = 0; i < BatchSets; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_key, Next() % Keys);
            writer.Write("bench", new Operation { Number = _numbered ? _operation++ : 0, Kind = OperationKind.Set, Key = _key, Value = _value });
        }

        RequestHeader.PatchCount(buffer, writer.Count);
        return buffer;
    }

    private void Settle()
    {
        while (_calls.Count + _items.Count > 0)
        {
            while (_calls.TryDequeue(out Action? call))
                call();
            while (_items.TryDequeue(out (PooledBuffer Item, long Attach) sent))
            {
                _replica.OnCommand(sent.Item.Span, Now);
                sent.Item.Release();
                _primary.OnSent("b", sent.Attach, Now);
            }

            _primary.Flush(Now);
        }
    }

    private ShardCopy NewCopy(string silo) => new(0, new CopyName(silo, NextGuid()), _pages) { State = CopyState.Complete, Lineage = Lineage };

    private ulong Next()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        return _random ^= _random << 17;
    }

    void IPrimaryOutput.Send(string silo, long attach, PooledBuffer item) => _items.Enqueue((item, attach));

    void IPrimaryOutput.Reply(object token, PooledBuffer reply)
    {
        BatchStatus status = ReplyHeader.Read(reply.Span).Status;
        if (status != BatchStatus.Ok)
            throw new InvalidOperationException($"A batch is answered {status}: {ReplyHeader.ReadMessage(reply.Span)}");
        _answered++;
        reply.Release();
    }

    void IPrimaryOutput.WriteRecord(ShardRecord record) => _calls.Enqueue(() => _primary.OnRecordWritten(RecordOutcome.Written, record, Now));

    void IPrimaryOutput.AskGrants(LeaseRequest request, IReadOnlyList<CopyName> copies)
    {
        if (copies.Any(copy => copy.Silo == "b"))
            _calls.Enqueue(() => _primary.OnGranted(_replica.Copy.Name, request.Number, Now));
    }

    void IPrimaryOutput.StartReplica(string silo, long endedAttach) => _calls.Enqueue(() => _replica.Follow(endedAttach, Now));

    void IReplicaOutput.Attach(AttachRequest request) => _calls.Enqueue(() => _replica.OnAttachAnswered(request.Attach, _primary.OnAttach(request, Now), Now));

    void IReplicaOutput.Acknowledge(Acknowledgement acknowledgement) => _calls.Enqueue(() => _primary.OnAcknowledged(acknowledgement, Now));

    void IPrimaryOutput.RequestSync(long request)
    {
    }

    void IPrimaryOutput.ReleaseSync()
    {
    }

    void IPrimaryOutput.BeginSnapshot(SnapshotPlan plan) => throw new NotSupportedException("The replica begins with all that the primary has.");

    void IPrimaryOutput.SendSnapshot(SavedSnapshot saved, SnapshotMember member)
    {
    }

    void IPrimaryOutput.CancelSnapshot(long snapshotId)
    {
    }

    void IPrimaryOutput.AbandonLink(string silo)
    {
    }

    void IPrimaryOutput.EndHandOver(CopyName receiver, bool surrendered, string details)
    {
    }

    void IPrimaryOutput.StepDown(string reason) => throw new InvalidOperationException(reason);

    void IPrimaryOutput.Report(PrimaryEvent what, string silo, string details)
    {
    }

    ShardCopy IReplicaOutput.MakeCopy(Guid copyId) => throw new NotSupportedException("Nothing is loaded.");

    void IReplicaOutput.InstallCopy(ShardCopy next, ShardCopy old)
    {
    }

    void IReplicaOutput.Dismiss()
    {
    }

    void IReplicaOutput.Report(ReplicaEvent what, string details)
    {
    }
}
