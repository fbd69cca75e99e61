using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Primary;

namespace Grid.Tests.Simulation;

/// <summary>
/// The pieces of a snapshot on their way to one member: on its snapshot stream, or with a single channel on its command
/// stream. By mishap a piece is damaged inside, so that only the payload's own checksums tell.
/// </summary>
internal sealed class PieceStream(World world, SimPrimary primary, SyncAnnouncement announcement, SnapshotMember member, bool checksums, int pieceBytes, bool isFile)
{
    private readonly Pipe _pipe = primary.PipeOf(member);
    private long _sequence = 1;
    private long _sent;
    private long _sentAtMs = world.NowMs;
    private bool _abandoned;

    public SnapshotMember Member { get; } = member;

    public long SnapshotId => announcement.SnapshotId;

    /// <summary>A cohort's pieces are the same for all; those of a file are sent for one attach.</summary>
    private long Attach => isFile ? Member.Attach : 0;

    /// <summary>What the command stream has announced already comes on the snapshot stream too.</summary>
    public void Begin()
    {
        if (Member.DualChannel)
            _pipe.Send(announcement.ToItem(Member.Attach, 0, primary.Core.Epoch, primary.Core.Committed), Member.Attach);
    }

    /// <summary>Nothing more is sent; what was goes on, unless its link has ended, and its pipes with it.</summary>
    public void Abandon() => _abandoned = true;

    public void Send(ReadOnlySpan<byte> bytes)
    {
        for (int at = 0; at < bytes.Length && !_abandoned; at += pieceBytes)
            SendPiece(bytes.Slice(at, Math.Min(pieceBytes, bytes.Length - at)));
    }

    /// <summary>Sends a whole file, piece by piece in its own time.</summary>
    public void SendFile(byte[] file, long entries, Action taken, int from = 0)
    {
        if (_abandoned)
            return;
        if (from >= file.Length)
        {
            End(entries, taken);
            return;
        }

        world.Touch(primary.Copy.Shard);
        int length = Math.Min(pieceBytes, file.Length - from);
        SendPiece(file.AsSpan(from, length));
        world.After(world.Random.Between(50, 2000), primary.Silo, () => SendFile(file, entries, taken, from + length));
    }

    public void End(long entries, Action taken)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + 8);
        new LinkItem(LinkItemKind.SnapshotEnd, Attach, _sequence++, primary.Core.Epoch, primary.Core.Committed, announcement.SnapshotId, _sent, 0).Write(item);
        item.WriteInt64(entries);
        LinkItem.Seal(item);
        _pipe.Send(item, Member.Attach, () =>
        {
            if (!_abandoned)
                taken();
        });
    }

    /// <summary>A piece without bytes, where nothing else was sent for a while: nobody is to take a slow scan for death.</summary>
    public void StillThere()
    {
        if (!_abandoned && world.NowMs - _sentAtMs >= primary.Options.ReplicaTimeoutMs / 4)
            SendPiece([]);
    }

    private void SendPiece(ReadOnlySpan<byte> piece)
    {
        _sentAtMs = world.NowMs;
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + piece.Length);
        new LinkItem(LinkItemKind.SnapshotChunk, Attach, _sequence++, primary.Core.Epoch, primary.Core.Committed, announcement.SnapshotId, _sent, 0).Write(item);
        item.Write(piece);
        if (checksums && !piece.IsEmpty && world.Chaos && world.Random.Chance(world.Plan.PayloadDamaged / 4))
        {
            item.WritableSpan[LinkItem.HeadLength + world.Random.Below(piece.Length)] ^= 0x10;
            world.Oracles[primary.Copy.Shard].NoteCause(Member.Silo, "a payload damaged");
        }

        LinkItem.Seal(item);
        _sent += piece.Length;
        _pipe.Send(item, Member.Attach);
    }
}
