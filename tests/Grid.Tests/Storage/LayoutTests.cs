using System.Text;
using Grid.Storage;
using Grid.Storage.Index;
using Grid.Storage.Pages;
using Xunit;
using Record = Grid.Storage.Records.Record;

namespace Grid.Tests.Storage;

/// <summary>Layouts as the README draws them, byte for byte.</summary>
public sealed class LayoutTests
{
    [Fact]
    public void A_record_without_expiry()
    {
        byte[] slot = new byte[24];
        Record.WriteSmall(ref slot[0], "key"u8, "value"u8, 0, 0x0102030405060708);
        Assert.Equal("0807060504030201" + "03400110" + "6B6579" + "76616C7565" + "00000000", Convert.ToHexString(slot));
    }

    [Fact]
    public void A_record_with_expiry()
    {
        byte[] slot = new byte[32];
        Record.WriteSmall(ref slot[0], "key"u8, "value"u8, 0x1122334455667788, 1);
        Assert.Equal("0100000000000000" + "03400130" + "8877665544332211" + "6B6579" + "76616C7565" + "00000000", Convert.ToHexString(slot));
    }

    [Fact]
    public void A_record_in_an_array_of_its_own()
    {
        byte[] array = new byte[Record.LargeHeaderBytes + 8];
        Record.WriteLarge(array, "key"u8, "value"u8, 5, 1);
        Assert.Equal("0100000000000000" + "00000070" + "03000000" + "0500000000000000" + "05000000" + "6B6579" + "76616C7565", Convert.ToHexString(array));
    }

    [Fact]
    public void A_slot_of_the_index()
    {
        // Depth 9: the tag holds bits 8 to 31 of the hash; its first bit belongs to the segment's prefix.
        uint tag = Segment.Tag(0x11AABBCC_44556677, 9);
        Assert.Equal(0xAABBCCu, tag);
        Assert.Equal(0xAABBCC_00_12345678UL, Segment.Slot(tag, 0x12345678));
        Assert.Equal(1 + (int)(0x557798L * 480 >> 24), Segment.Home(tag, 9));
        Assert.Equal(1, Segment.Home(0, 0));
        Assert.Equal(480, Segment.Home(0xFFFFFF, 0));
    }

    [Fact]
    public void Slot_sizes_rise_by_an_eighth_or_eight_bytes_and_fill_their_pages()
    {
        Assert.Equal(2, SizeClasses.Units(0));
        Assert.Equal(SizeClasses.SlotBytesMax / 8, SizeClasses.Units(SizeClasses.Count - 1));
        for (int bytes = 1; bytes <= SizeClasses.SlotBytesMax; bytes++)
        {
            int sizeClass = SizeClasses.For(bytes);
            int slot = SizeClasses.Units(sizeClass) * 8;
            Assert.True(slot >= bytes);
            Assert.True(sizeClass == 0 || SizeClasses.Units(sizeClass - 1) * 8 < bytes);
            if (bytes > 1024)
                Assert.True(65536 % slot < 8 * (65536 / slot), "A page of large slots has no tail.");
        }
    }

    [Fact]
    public void Hashes_and_digests_are_the_same_for_ever()
    {
        Assert.Equal(0x2D06800538D394C2UL, KeyHash.Compute([]));
        Assert.Equal(0x78AF5F94892F3950UL, KeyHash.Compute("abc"u8));
        var digest = new ContentDigest();
        digest.OnKeyspace(0, "orders");
        digest.OnEntry("key"u8, "value"u8, 0, 1);
        digest.OnEntry(Encoding.UTF8.GetBytes("other"), [], 1_700_000_000_000, 0x0100_0000_0000_0002);
        Assert.Equal("442df9d28e488b8bb463497f8591a37b", digest.ToString());
    }
}
