using System.Text;
using Grid.Server.Bench.Sync;
using Xunit;

namespace Grid.Tests.Bench;

public sealed class DataSetTests
{
    [Theory]
    [InlineData('T', 0xff658f7d199e3af5, 30_976_722)]
    [InlineData('J', 0x9fa46e851f3be245, 102_400_000)]
    [InlineData('R', 0xe105ea60662bb631, 51_200_000)]
    public void The_first_values_are_those_that_every_implementation_makes(char name, ulong fnv, long bytes)
    {
        DataSet set = Set(name);
        byte[] value = new byte[DataSet.ValueBytesMax];
        ulong hash = 14_695_981_039_346_656_037;
        long total = 0;
        for (long i = 0; i < 100_000; i++)
        {
            int length = set.WriteValue(i, value);
            total += length;
            foreach (byte b in value.AsSpan(0, length))
                hash = (hash ^ b) * 1_099_511_628_211;
        }

        Assert.Equal(bytes, total);
        Assert.Equal(fnv, hash);
    }

    [Theory]
    [InlineData('T', "tw:0000000000042")]
    [InlineData('J', "js:0000000000042")]
    [InlineData('R', "rn:0000000000042")]
    public void A_key_is_the_prefix_and_thirteen_digits(char name, string expected)
    {
        byte[] key = new byte[DataSet.KeyBytes];
        Set(name).WriteKey(42, key);
        Assert.Equal(expected, Encoding.ASCII.GetString(key));
    }

    [Theory]
    [InlineData('T')]
    [InlineData('J')]
    [InlineData('R')]
    public void A_record_depends_on_its_index_alone(char name)
    {
        DataSet set = Set(name);
        byte[] first = new byte[DataSet.ValueBytesMax];
        byte[] again = new byte[DataSet.ValueBytesMax];
        int length = set.WriteValue(2_999_999, first);
        set.WriteValue(7, again);
        Assert.Equal(length, set.WriteValue(2_999_999, again));
        Assert.Equal(first.AsSpan(0, length), again.AsSpan(0, length));
    }

    private static DataSet Set(char name) => DataSet.All.Single(set => set.Name == name);
}
