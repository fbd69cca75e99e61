using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Primary;
using Grid.Storage;

namespace Grid.Tests.Simulation;

/// <summary>
/// Carries a snapshot out as the runtime does: slices of the scan on the primary's turns, encoded once, the same pieces
/// on the stream of each member.
/// </summary>
internal sealed class SnapshotJob : ISnapshotSink, IDisposable
{
    private readonly World _world;
    private readonly SimPrimary _primary;
    private readonly Dictionary<string, Pipe> _pipes;
    private readonly PooledBuffer _slice = PooledBuffer.Rent(4096);
    private readonly SnapshotWriter _writer;
    private readonly SnapshotPayloadEncoder _encoder;
    private readonly int _pieceBytes;
    private long _sequence = 1;
    private long _sent;
    private bool _over;

    public SnapshotJob(World world, SimPrimary primary, SnapshotPlan plan, IReadOnlyList<Pipe> pipes)
    {
        _world = world;
        _primary = primary;
        Plan = plan;
        _pipes = plan.Members.Select(member => member.Silo).Zip(pipes).ToDictionary(pair => pair.First, pair => pair.Second);
        _writer = new SnapshotWriter(_slice);
        _encoder = new SnapshotPayloadEncoder(plan.Announcement.Compressed ? SnapshotCodec.Lz4 : SnapshotCodec.None, checksums: true, SnapshotPayloadEncoder.ChunkBytesMin);
        _pieceBytes = world.Random.Between(64, 4096);
    }

    public SnapshotPlan Plan { get; }

    public void Begin()
    {
        foreach (SnapshotMember member in Plan.Members)
            _pipes[member.Silo].Send(Plan.Announcement.ToItem(member.Attach, 0, _primary.Core.Epoch, _primary.Core.Committed), member.Attach);
        _writer.Begin(new SnapshotMetadata
        {
            Shard = _primary.Copy.Shard,
            Lineage = Plan.Announcement.Lineage.ToString(),
            BasePosition = new LogPosition(Plan.BaseEpoch, Plan.Announcement.BaseOffset),
            History = Plan.Announcement.History,
        });
        Next();
    }

    /// <summary>A member is out; without members there is nothing left to do.</summary>
    public void Forget(string silo)
    {
        _pipes.Remove(silo);
        if (_pipes.Count == 0 && !_over)
            _world.After(10, _primary.Silo, Cancel);
    }

    public void Cancel()
    {
        if (_over)
            return;
        foreach (Pipe pipe in _pipes.Values)
            pipe.Clear();
        End();
    }

    /// <summary>The silo died.</summary>
    public void Dispose()
    {
        if (_over)
            return;
        _over = true;
        Free();
    }

    void ISnapshotSink.OnKeyspace(int id, string name) => _writer.BeginKeyspace(id, name);

    void ISnapshotSink.OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
        _writer.WriteEntry(key, value, expiryUnixMs, version);

    private void Next() => _world.After(_world.Random.Between(100, 4000), _primary.Silo, Slice);

    private void Slice()
    {
        if (_over)
            return;
        _world.Touch(_primary.Copy.Shard);
        bool more = Plan.Scan.Next(this, entriesMax: 4, bytesMax: 2048);
        if (!more)
            _writer.End();
        _encoder.Write(_slice.Span);
        _slice.Truncate(0);
        if (!more)
            _encoder.Finish();
        while (_encoder.TryTakeChunk(out PooledBuffer? chunk))
        {
            for (int at = 0; at < chunk.Length; at += _pieceBytes)
                SendPiece(chunk.Span.Slice(at, Math.Min(_pieceBytes, chunk.Length - at)));
            chunk.Release();
        }

        if (more)
            Next();
        else
            SendEnd();
    }

    private void SendPiece(ReadOnlySpan<byte> piece)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + piece.Length);
        new LinkItem(LinkItemKind.SnapshotChunk, 0, _sequence++, _primary.Core.Epoch, _primary.Core.Committed, Plan.SnapshotId, _sent, 0).Write(item);
        item.Write(piece);
        if (_world.Chaos && _world.Random.Chance(_world.Plan.PayloadDamaged / 4))
            item.WritableSpan[LinkItem.HeadLength + _world.Random.Below(piece.Length)] ^= 0x10;
        LinkItem.Seal(item);
        _sent += piece.Length;
        ToAll(item, null);
    }

    private void SendEnd()
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + 8);
        new LinkItem(LinkItemKind.SnapshotEnd, 0, _sequence++, _primary.Core.Epoch, _primary.Core.Committed, Plan.SnapshotId, _sent, 0).Write(item);
        item.WriteInt64(_writer.Entries);
        LinkItem.Seal(item);
        ToAll(item, silo =>
        {
            if (!_pipes.Remove(silo) || _over)
                return;
            _primary.SnapshotSent(silo, Plan.Members.First(member => member.Silo == silo).Attach);
            if (_pipes.Count == 0)
                End();
        });
    }

    private void ToAll(PooledBuffer item, Action<string>? taken)
    {
        foreach ((string silo, Pipe pipe) in _pipes.ToArray())
            pipe.Send(item.Retain(), Plan.Members.First(member => member.Silo == silo).Attach, taken is null ? null : () => taken(silo));
        item.Release();
    }

    private void End()
    {
        _over = true;
        Free();
        _primary.SnapshotEnded(this);
    }

    private void Free()
    {
        Plan.Scan.Dispose();
        _encoder.Dispose();
        _slice.Release();
    }
}
