using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Log;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>What goes out on the command streams: mutations, plain or packed, and heartbeats.</content>
public sealed partial class ShardPrimary
{
    /// <summary>Sends what the log has and the links have not. To be called at the end of a turn that appended mutations.</summary>
    public void Flush(Instant now)
    {
        if (_down)
            return;
        foreach (PrimaryLink link in _links)
            SendMutations(link, now);
    }

    /// <summary>The stream took an item.</summary>
    public void OnSent(string silo, long attach, Instant now)
    {
        if (!Reigns() || !_links.TryFind(silo, out PrimaryLink? link) || link.Attach != attach)
            return;
        link.Unsent.RemoveFirst();
        SendMutations(link, now);
    }

    private void SendMutations(PrimaryLink link, Instant now)
    {
        if (!link.Streams)
            return;
        while (link.NextOffset <= LogEnd && HasRoomFor(link, 0))
        {
            LogSlice slice = _copy.Log.Read(link.NextOffset, _options.ItemBytesMax);
            if (!HasRoomFor(link, slice.Bytes.Length) || (link.Phase == LinkPhase.Syncing && !IsKept(link, slice)))
                break;
            link.NextOffset += slice.Count;
            if (link.Packer is { } packer && slice.Bytes.Length >= CommandPacker.PackFrom)
                SendPacked(link, packer, slice, now);
            else
                Send(link, LinkItemKind.Mutations, Plants(PlantedBug.StampsOwnEpoch) ? _epoch : slice.Epoch, slice.FirstOffset, slice.Count, slice.Bytes, now);
        }
    }

    /// <summary>Whether the link may be sent so many bytes of mutations more before the stream has taken what it was given.</summary>
    private bool HasRoomFor(PrimaryLink link, int bytes) =>
        link.Unsent.HasRoomFor(LinkItem.HeadLength + bytes, _options) || Plants(PlantedBug.IgnoresUnsent);

    /// <summary>
    /// A replica that loads keeps what it gets, and only so much of it: the rest waits in the log here, under the link's budget, and not on the
    /// stream, where nobody could tell a replica that may take no more from one that hangs.
    /// </summary>
    private bool IsKept(PrimaryLink link, in LogSlice slice)
    {
        if (slice.Bytes.Length > link.KeptBytesLeft && !Plants(PlantedBug.SendsMoreThanKept))
        {
            if (!link.IsKeptFull)
                _output.Report(PrimaryEvent.KeptFull, link.Silo, $"it loads and keeps {link.Request.KeptBytesMax} bytes of mutations at the most: those from {slice.FirstOffset} on wait until it has loaded");
            link.IsKeptFull = true;
            return false;
        }

        link.KeptBytesLeft -= slice.Bytes.Length;
        return true;
    }

    private void SendPacked(PrimaryLink link, CommandPacker packer, in LogSlice slice, Instant now)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + slice.Bytes.Length);
        new LinkItem(LinkItemKind.PackedMutations, link.Attach, link.Sequence++, _epoch, _committed, slice.Epoch, slice.FirstOffset, slice.Count).Write(item);
        packer.Pack(slice.Bytes, item);
        LinkItem.Seal(item);
        Send(link, item, now);
    }

    private void SendHeartbeats(Instant now)
    {
        foreach (PrimaryLink link in _links)
        {
            if (!HasRoomFor(link, 0))
                continue;
            bool silent = now.MonotonicMs - link.SentAtMs >= _options.HeartbeatMs;
            if (silent || (link.Streams && link.CommittedSent < _committed))
                Send(link, LinkItemKind.Heartbeat, LogEnd, HoldsLease(now) ? link.AskedAtMs : 0, (long)OfferedTraits(), [], now);
        }
    }

    private void Send(PrimaryLink link, LinkItemKind kind, long a, long b, long c, ReadOnlySpan<byte> body, Instant now)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + body.Length);
        new LinkItem(kind, link.Attach, link.Sequence++, _epoch, _committed, a, b, c).Write(item);
        item.Write(body);
        LinkItem.Seal(item);
        Send(link, item, now);
    }

    private void Send(PrimaryLink link, PooledBuffer item, Instant now)
    {
        link.Unsent.Add(item.Length);
        link.SentAtMs = now.MonotonicMs;
        link.CommittedSent = _committed;
        _output.Send(link.Silo, link.Attach, item);
    }
}
