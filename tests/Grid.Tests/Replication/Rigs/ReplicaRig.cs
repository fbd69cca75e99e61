using System.Text;
using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Replica;
using Grid.Replication.Sessions;
using Grid.Replication.Time;
using Grid.Storage;
using Grid.Tests.Simulation;

namespace Grid.Tests.Replication.Rigs;

/// <summary>A replica on silo "b" alone on a stage: the test plays its primary.</summary>
internal sealed class ReplicaRig : IReplicaOutput
{
    private readonly PagePool _pages = new();
    private long _sequence;
    private long _pieces;
    private long _payload;

    public ReplicaRig(ReplicaOptions? options = null)
    {
        ShardCopy copy = new(0, new CopyName("b", Guid.NewGuid()), _pages);
        Core = new ShardReplica(copy, copy.TakeOwnership(), 0, options ?? new ReplicaOptions(), new SimRandom(7), this);
    }

    public ShardReplica Core { get; }

    public long Epoch { get; set; } = 1;

    public long Ms { get; private set; } = 1000;

    public Instant Now => new(Ms, Ms);

    public List<AttachRequest> Attaches { get; } = [];

    public AttachRequest LastAttach => Attaches[^1];

    public List<Acknowledgement> Acknowledgements { get; } = [];

    public List<(ReplicaEvent What, string Details)> Events { get; } = [];

    public List<(ShardCopy Loaded, ShardCopy Old)> Installed { get; } = [];

    public bool Dismissed { get; private set; }

    /// <summary>Memory that all copies hold.</summary>
    public long RentedBytes => _pages.RentedBytes;

    /// <summary>Attaches, and is accepted.</summary>
    public ReplicaRig Attach()
    {
        Core.Follow(0, Now);
        return Accept();
    }

    public ReplicaRig Accept()
    {
        _sequence = 0;
        Core.OnAttachAnswered(LastAttach.Attach, AttachAnswer.Accepted, Now);
        return this;
    }

    public void Wait(long ms)
    {
        for (long end = Ms + ms; Ms < end;)
        {
            Ms = Math.Min(Ms + 50, end);
            Core.Tick(Now);
        }
    }

    /// <summary>The next item of the command stream.</summary>
    public void Command(LinkItemKind kind, long a = 0, long b = 0, long c = 0, byte[]? body = null, long committed = 0, long? sequence = null, long? attach = null, long? epoch = null)
    {
        PooledBuffer item = Item(kind, attach ?? LastAttach.Attach, sequence ?? _sequence++, a, b, c, body, committed, epoch);
        Core.OnCommand(item.Span, Now);
        item.Release();
    }

    public void Continue(long offset, long committed = 0) => Command(LinkItemKind.Continue, offset, committed: committed);

    public void Heartbeat(long committed, LinkTraits traits = LinkTraits.None) => Command(LinkItemKind.Heartbeat, c: (long)traits, committed: committed);

    /// <summary>Sets of key k{offset}; the first of a log names the keyspace.</summary>
    public void Mutations(long first, int count, long committed = 0, long? epoch = null, string value = "v") =>
        Command(LinkItemKind.Mutations, epoch ?? Epoch, first, count, Encode(first, count, value), committed);

    public void Announce(long snapshot, long baseOffset, bool compressed = false, EpochStart[]? history = null, bool onCommands = true, bool onSnapshots = true, LinkTraits traits = LinkTraits.None)
    {
        SyncAnnouncement announcement = new(snapshot, baseOffset, compressed, PrimaryRig.Lineage, history ?? [new EpochStart(1, 1)]) { CommandTraits = traits };
        if (onSnapshots)
        {
            _pieces = 1;
            _payload = 0;
            PooledBuffer item = announcement.ToItem(LastAttach.Attach, 0, Epoch, 0);
            Core.OnSnapshot(item.Span, Now);
            item.Release();
        }

        if (onCommands)
        {
            PooledBuffer item = announcement.ToItem(LastAttach.Attach, _sequence++, Epoch, 0);
            Core.OnCommand(item.Span, Now);
            item.Release();
        }
    }

    public void Piece(long snapshot, ReadOnlySpan<byte> piece, long attach = 0)
    {
        PooledBuffer item = Item(LinkItemKind.SnapshotChunk, attach, _pieces++, snapshot, _payload, 0, piece.ToArray(), 0, null);
        _payload += piece.Length;
        Core.OnSnapshot(item.Span, Now);
        item.Release();
    }

    public void End(long snapshot, long entries)
    {
        PooledBuffer body = PooledBuffer.Rent(8);
        body.WriteInt64(entries);
        PooledBuffer item = Item(LinkItemKind.SnapshotEnd, 0, _pieces++, snapshot, _payload, 0, body.Span.ToArray(), 0, null);
        Core.OnSnapshot(item.Span, Now);
        item.Release();
        body.Release();
    }

    /// <summary>Skips a piece, as a stream does that loses one.</summary>
    public void LosePiece(int bytes)
    {
        _pieces++;
        _payload += bytes;
    }

    /// <summary>Loads a whole snapshot with the keys k2 to k{base}.</summary>
    public void Load(long snapshot, long baseOffset)
    {
        Announce(snapshot, baseOffset);
        Piece(snapshot, Payload(baseOffset));
        End(snapshot, baseOffset - 1);
    }

    public string? Value(string key) => Read(Core.Copy, key);

    public static string? Read(ShardCopy copy, string key)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(key);
        return copy.Store.Find(1) is { } keyspace && keyspace.Lookup(bytes, KeyHash.Compute(bytes), 0, out EntryView entry) == EntryState.Live
            ? Encoding.UTF8.GetString(entry.Value)
            : null;
    }

    /// <summary>The mutations at the offsets from <paramref name="first"/> on: 1 names keyspace 1, n sets k{n}.</summary>
    public static byte[] Encode(long first, int count, string value = "v")
    {
        List<byte> bytes = [];
        byte[] room = new byte[100 + value.Length];
        for (long offset = first; offset < first + count; offset++)
        {
            int length = offset == 1
                ? Mutation.WriteCreateKeyspace(room, 1, "ks")
                : Mutation.WriteSet(room, 1, Encoding.UTF8.GetBytes($"k{offset}"), Encoding.UTF8.GetBytes(value), 0);
            bytes.AddRange(room[..length]);
        }

        return [.. bytes];
    }

    /// <summary>The payload of a snapshot of what <see cref="Encode"/> makes.</summary>
    /// <param name="baseOffset">Where the snapshot was taken.</param>
    /// <param name="codec">How it is encoded.</param>
    /// <param name="epoch">The reign.</param>
    /// <param name="sessions">What is remembered of clients; nothing by default.</param>
    /// <param name="second">Name of a second keyspace with one entry more.</param>
    public static byte[] Payload(long baseOffset, SnapshotCodec codec = SnapshotCodec.None, long epoch = 1, IReadOnlyList<byte[]>? sessions = null, string? second = null)
    {
        PooledBuffer raw = PooledBuffer.Rent(4096);
        SnapshotWriter writer = new(raw);
        writer.Begin(new SnapshotMetadata
        {
            Shard = 0,
            Lineage = PrimaryRig.Lineage.ToString(),
            BasePosition = new LogPosition(epoch, baseOffset),
            History = [new EpochStart(1, 1)],
        });
        foreach (byte[] part in sessions ?? new SessionTable().Pack())
            writer.WriteExtra(SnapshotPlan.SessionsField, part);
        writer.BeginKeyspace(1, "ks");
        for (long offset = 2; offset <= baseOffset; offset++)
            writer.WriteEntry(Encoding.UTF8.GetBytes($"k{offset}"), "v"u8, 0, EntryVersion.Pack(epoch, offset));
        if (second is not null)
        {
            writer.BeginKeyspace(3, second);
            writer.WriteEntry("x"u8, "w"u8, 5_000_000_000_000, EntryVersion.Pack(epoch, baseOffset));
        }

        writer.End();
        using SnapshotPayloadEncoder encoder = new(codec);
        encoder.Write(raw.Span);
        encoder.Finish();
        raw.Release();
        List<byte> payload = [];
        while (encoder.TryTakeChunk(out PooledBuffer? chunk))
        {
            payload.AddRange(chunk.Span);
            chunk.Release();
        }

        return [.. payload];
    }

    /// <summary>A piece as it comes on the snapshot stream, for tests that take it in two steps.</summary>
    public byte[] PieceItem(long snapshotId, long sequence, byte[] payload)
    {
        PooledBuffer item = Item(LinkItemKind.SnapshotChunk, 0, sequence, snapshotId, 0, 0, payload, 0, null);
        byte[] bytes = item.Span.ToArray();
        item.Release();
        return bytes;
    }

    void IReplicaOutput.Attach(AttachRequest request) => Attaches.Add(request);

    void IReplicaOutput.Acknowledge(Acknowledgement acknowledgement) => Acknowledgements.Add(acknowledgement);

    ShardCopy IReplicaOutput.MakeCopy(Guid copyId) => new(0, new CopyName("b", copyId), _pages);

    void IReplicaOutput.InstallCopy(ShardCopy loaded, ShardCopy old) => Installed.Add((loaded, old));

    void IReplicaOutput.Dismiss() => Dismissed = true;

    void IReplicaOutput.Report(ReplicaEvent what, string details) => Events.Add((what, details));

    private PooledBuffer Item(LinkItemKind kind, long attach, long sequence, long a, long b, long c, byte[]? body, long committed, long? epoch)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + (body?.Length ?? 0));
        new LinkItem(kind, attach, sequence, epoch ?? Epoch, committed, a, b, c).Write(item);
        item.Write(body ?? []);
        LinkItem.Seal(item);
        return item;
    }
}
